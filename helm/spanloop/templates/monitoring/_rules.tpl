{{/*
The alerting rules, as PrometheusRule and rules file have them. A release is told by the namespace and the names of its pods: the labels
that scraping by the operator and by annotations have in common. A Deployment's pods are called NAME-HASH-SUFFIX; of a long name Kubernetes
cuts the last dash away.
*/}}
{{- define "spanloop.rules" -}}
{{- $name := include "spanloop.fullname" . }}
{{- $namespace := .Release.Namespace }}
{{- $alerts := .Values.monitoring.alerts }}
{{- $deadline := .Values.backend.predictDeadline }}
{{- $pods := `namespace="%s",pod=~"%s-%s-[^-]+(-[^-]+)?"` }}
{{- $backend := printf $pods $namespace $name "backend" }}
{{- $extractor := printf $pods $namespace $name "extractor" }}
{{- $kubectl := printf "kubectl -n %s" $namespace -}}
groups:
  - name: {{ $name }}
    rules:
      {{- with $alerts.noVersion }}
      {{- if .severity }}
      - alert: SpanloopNoVersionAnswers
        # The backend by what each one tells: of the version only the one that leads does, which may be none while others answer.
        expr: |-
          absent(spanloop_extractor_demand{ {{- $backend }}})
          or
          {{- if $.Values.scaleToZero.enabled }}
          (absent(spanloop_live_version_info{ {{- $extractor }}}) and on () sum(spanloop_extractor_demand{ {{- $backend }}}) > 0)
          {{- else }}
          absent(spanloop_live_version_info{ {{- $extractor }}})
          {{- end }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "No version answers for {{ $name }}; Label Studio gets no predictions."
          description: >-
            The backend is gone, or no extractor is ready: {{ $kubectl }} get pods -l app.kubernetes.io/instance={{ $.Release.Name }}
            shows which, and "describe" why a pod does not start. {{ $kubectl }} logs deployment/{{ $name }}-extractor --all-containers
            says why a model is not served. Where that began with a new version, {{ $kubectl }} exec deployment/{{ $name }}-backend --
            python -m service rollback brings the one before back. Where all pods are ready, Prometheus does not reach them: see
            monitoring.scrape and networkPolicy.monitoring of the chart.
      {{- end }}
      {{- end }}
      {{- with $alerts.predictErrors }}
      {{- if .severity }}
      - alert: SpanloopPredictErrors
        # Of requests, and of texts: an answer of 200 may hold errors in place of predictions.
        expr: |-
          sum(rate(spanloop_requests_total{ {{- $backend }},route="/predict",status=~"5.."}[5m]))
          / sum(rate(spanloop_requests_total{ {{- $backend }},route="/predict"}[5m])) > {{ .above }}
          or
          sum(rate(spanloop_texts_total{ {{- $backend }},result="failed"}[5m]))
          / sum(rate(spanloop_texts_total{ {{- $backend }}}[5m])) > {{ .above }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "{{`{{ $value | humanizePercentage }}`}} of the predictions that {{ $name }} is asked for fail."
          description: >-
            Annotators miss predictions, and Label Studio does not tell them. The dashboard Spanloop / Serving shows the causes,
            {{ $kubectl }} logs deployment/{{ $name }}-backend each error. Where the extractor does not answer, see whether its pods are ready
            or restart (out of memory?). Where texts are not reached in time, it takes more extractors (autoscaling), more processors or a GPU
            (extractor.resources, extractor.gpu); Retrieve Predictions again then fills what is missing.
      {{- end }}
      {{- end }}
      {{- with $alerts.predictSlow }}
      {{- if .severity }}
      - alert: SpanloopPredictSlow
        expr: |-
          histogram_quantile(0.95, sum by (le) (rate(spanloop_request_duration_seconds_bucket{ {{- $backend }},route="/predict"}[5m]))) > {{ .above }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "One of twenty predictions of {{ $name }} takes {{`{{ $value | humanizeDuration }}`}} or longer."
          description: >-
            At {{ $deadline }} s (backend.predictDeadline) the texts that are left get an error. The dashboard Spanloop / Serving shows
            whether the time goes into waiting for an extractor, into its queue or into the model: more extractors (autoscaling), more
            processors or a GPU (extractor.resources, extractor.gpu), or a smaller model help.
      {{- end }}
      {{- end }}
      {{- with $alerts.queueNearDeadline }}
      {{- if .severity }}
      - alert: SpanloopQueueNearDeadline
        expr: |-
          histogram_quantile(0.95, sum by (le) (rate(spanloop_queue_wait_seconds_bucket{ {{- $extractor }}}[5m]))) > {{ mulf .above $deadline }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "Texts wait {{`{{ $value | humanizeDuration }}`}} in the queue of {{ $name }}; at {{ $deadline }} s they are given up."
          description: >-
            More is asked than the extractors can do. Let there be more of them (autoscaling.maxReplicas, extractor.replicas) or faster ones
            (extractor.resources, extractor.gpu). If there are fewer pods than wanted, {{ $kubectl }} describe deployment/{{ $name }}-extractor
            says what they lack. Until then Retrieve Predictions of fewer tasks at a time succeeds.
      {{- end }}
      {{- end }}
      {{- with $alerts.runFailed }}
      {{- if .severity }}
      - alert: SpanloopRunFailed
        # Also of the last minutes: no backend tells of runs while the lead goes from one to another, and the alert goes on meanwhile.
        expr: |-
          time() - max(last_over_time(spanloop_run_last_failure_timestamp_seconds{ {{- $backend }}}[5m])) < {{ int .within }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "A training run of {{ $name }} has failed."
          description: >-
            The version that serves is untouched. The backend's page says why; {{ $kubectl }} get jobs -l
            app.kubernetes.io/instance={{ $.Release.Name }},app.kubernetes.io/component=training names its Job, and {{ $kubectl }} logs
            job/NAME tells the whole story. When it is mended, Start Training in Label Studio tries again.
      {{- end }}
      {{- end }}
      {{- with $alerts.runStuck }}
      {{- if .severity }}
      - alert: SpanloopRunStuck
        expr: |-
          time() - max(spanloop_run_progressed_timestamp_seconds{ {{- $backend }}}) > {{ .above }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "A training run of {{ $name }} has made no progress for {{`{{ $value | humanizeDuration }}`}}."
          description: >-
            No other run can start meanwhile. {{ $kubectl }} get pods -l
            app.kubernetes.io/instance={{ $.Release.Name }},app.kubernetes.io/component=training shows its pod. Pending: "describe" says what it
            waits for, a node, a GPU or a volume; none at all: its Job is suspended and waits for quota in its queue. Running: its log says
            where it hangs; if its pod is deleted, the next one goes on from the checkpoint; if its Job is deleted, the run is given up. None, and the run is in
            phase rollout: it waits for the extractor's pods to be of its version and ready, which "describe" of those explains.
      {{- end }}
      {{- end }}
      {{- with $alerts.rolloutUndone }}
      {{- if .severity }}
      - alert: SpanloopRolloutUndone
        expr: |-
          sum(increase(spanloop_rollouts_total{ {{- $backend }},outcome="undone"}[{{ .within }}])) > 0
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:
          summary: "A new version of {{ $name }} was rolled out and undone; the one before serves."
          description: >-
            Its pods were not ready within {{ int $.Values.rolloutSeconds }} s (rolloutSeconds), or its model did not find what it must. The
            backend's page and {{ $kubectl }} logs deployment/{{ $name }}-backend say why; {{ $kubectl }} get events shows pods that could not be
            placed or started. When it is mended, {{ $kubectl }} exec deployment/{{ $name }}-backend -- python -m service promote VERSION tries
            again.
      {{- end }}
      {{- end }}
{{- end }}

{{/* By which an alert is routed: (dict "root" $ "severity" "critical"). An expression over the whole release has no labels of its own. */}}
{{- define "spanloop.alert.labels" -}}
severity: {{ .severity | quote }}
namespace: {{ .root.Release.Namespace }}
release: {{ include "spanloop.fullname" .root }}
{{- end }}
