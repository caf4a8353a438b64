{{/*
The alerting rules, for the PrometheusRule and for the rules file. They select a release by the labels namespace and pod, which scraping by the
operator and scraping by annotations both set. A Deployment's pods are named NAME-HASH-SUFFIX. Kubernetes cuts the last dash from a long name.
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
        # Every backend exposes its demand. Only the leader exposes the live version, and backends may answer while none leads.
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
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopNoVersionAnswers") }}
          summary: "No version answers for {{ $name }}; Label Studio gets no predictions."
          description: >-
            The backend is gone, or no extractor is ready. {{ $kubectl }} get pods -l app.kubernetes.io/instance={{ $.Release.Name }}
            shows which, and "describe" shows why a pod does not start. {{ $kubectl }} logs deployment/{{ $name }}-extractor --all-containers
            shows why a model is not served. If this began with a new version, {{ $kubectl }} exec deployment/{{ $name }}-backend --
            spanloop rollback brings the previous version back. If all pods are ready, Prometheus does not reach them: check
            monitoring.scrape and networkPolicy.monitoring of the chart.
      {{- end }}
      {{- end }}
      {{- with $alerts.predictErrors }}
      {{- if .severity }}
      - alert: SpanloopPredictErrors
        # Counts requests and also texts: an answer with status 200 may hold errors instead of predictions.
        expr: |-
          sum(rate(spanloop_requests_total{ {{- $backend }},route="/predict",status=~"5.."}[5m]))
          / sum(rate(spanloop_requests_total{ {{- $backend }},route="/predict"}[5m])) > {{ .above }}
          or
          sum(rate(spanloop_texts_total{ {{- $backend }},result="failed"}[5m]))
          / sum(rate(spanloop_texts_total{ {{- $backend }}}[5m])) > {{ .above }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopPredictErrors") }}
          summary: "{{`{{ $value | humanizePercentage }}`}} of the predictions requested from {{ $name }} fail."
          description: >-
            Tasks lack predictions, and Label Studio does not show that. The dashboard Spanloop / Serving shows the causes, and
            {{ $kubectl }} logs deployment/{{ $name }}-backend shows each error. If the extractor does not answer, check whether its pods are
            ready or restart (out of memory?). If the time does not suffice, use more extractors (autoscaling), more processors or a GPU
            (extractor.resources, extractor.gpu). Then Retrieve Predictions again, which adds the missing ones.
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
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopPredictSlow") }}
          summary: "One prediction in twenty of {{ $name }} takes {{`{{ $value | humanizeDuration }}`}} or longer."
          description: >-
            After {{ $deadline }} s (backend.predictDeadline) the remaining texts get an error. The dashboard Spanloop / Serving shows
            whether requests wait for an extractor, in its queue or for the model. Use more extractors (autoscaling), more
            processors or a GPU (extractor.resources, extractor.gpu), or a smaller model.
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
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopQueueNearDeadline") }}
          summary: "Texts wait {{`{{ $value | humanizeDuration }}`}} in the queue of {{ $name }}; after {{ $deadline }} s they fail."
          description: >-
            The extractors get more texts than they can process. Use more extractors (autoscaling.maxReplicas, extractor.replicas) or faster ones
            (extractor.resources, extractor.gpu). If there are fewer pods than wanted, {{ $kubectl }} describe deployment/{{ $name }}-extractor
            shows what they lack. Until then, retrieve predictions for fewer tasks at a time.
      {{- end }}
      {{- end }}
      {{- with $alerts.runFailed }}
      {{- if .severity }}
      - alert: SpanloopRunFailed
        # One alert for each run that failed. Only the leader exposes runs. last_over_time keeps the alert firing while the lead changes.
        expr: |-
          time() - max by (run) (last_over_time(spanloop_run_failed_timestamp_seconds{ {{- $backend }}}[5m])) < {{ int .within }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopRunFailed") }}
          summary: "The training run {{`{{ $labels.run }}`}} of {{ $name }} has failed, or was not started."
          description: >-
            The live version is untouched. The backend's page shows the error. {{ $kubectl }} get jobs -l
            app.kubernetes.io/instance={{ $.Release.Name }},app.kubernetes.io/component=training names the run's Job, if one was made, and
            {{ $kubectl }} logs job/NAME shows its log. After you have fixed the cause, press Start Training in Label Studio to try again.
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
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopRunStuck") }}
          summary: "A training run of {{ $name }} has made no progress for {{`{{ $value | humanizeDuration }}`}}."
          description: >-
            No other run can start meanwhile. {{ $kubectl }} get pods -l
            app.kubernetes.io/instance={{ $.Release.Name }},app.kubernetes.io/component=training shows its pod. If the pod is Pending, "describe"
            shows whether it waits for a node, a GPU or a volume. If it is Running, its log shows where it hangs: delete the pod, and the next pod
            continues from the checkpoint, or delete the Job to give the run up. If there is no pod, the Job is suspended and waits for quota in
            its queue, or the run is in phase rollout and waits for the extractor's new pods: "describe" shows why these are not ready.
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
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopRolloutUndone") }}
          summary: "The rollout of a new version of {{ $name }} was undone; the previous version serves."
          description: >-
            The new pods were not ready within {{ int $.Values.rolloutSeconds }} s (rolloutSeconds), or the model did not find its canaries. The
            backend's page and {{ $kubectl }} logs deployment/{{ $name }}-backend show why. {{ $kubectl }} get events shows pods that could not be
            scheduled or started. After you have fixed the cause, {{ $kubectl }} exec deployment/{{ $name }}-backend -- spanloop promote
            VERSION tries again.
      {{- end }}
      {{- end }}
      {{- with $alerts.signatureRefused }}
      {{- if .severity }}
      - alert: SpanloopSignatureRefused
        # The backend counts what the pull refuses, the extractor what it refuses of a cache.
        expr: |-
          sum(increase(spanloop_errors_total{ {{- $backend }},cause="signature"}[{{ .within }}])) > 0
          or
          sum(increase(spanloop_errors_total{ {{- $extractor }},cause="signature"}[{{ .within }}])) > 0
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopSignatureRefused") }}
          summary: "A version of {{ $name }} was refused: it is not as somebody with a trusted key has signed it."
          description: >-
            Somebody may have changed it in the registry or in the extractor's cache, or its key is not trusted. The backend's page and
            {{ $kubectl }} logs deployment/{{ $name }}-backend show which version and why. {{ $kubectl }} exec deployment/{{ $name }}-backend --
            spanloop verify VERSION checks a version in the registry. docs/signatures.md says what to do with another key, and with
            versions that have no signature.
      {{- end }}
      {{- end }}
      {{- with $alerts.acceptanceFell }}
      {{- if .severity }}
      - alert: SpanloopAcceptanceFell
        # Only the leader exposes it. last_over_time keeps the alert firing while the lead changes.
        expr: |-
          max(last_over_time(spanloop_acceptance_fall_probability{ {{- $backend }}}[5m])) > {{ .above }}
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopAcceptanceFell") }}
          summary: "People keep fewer of the spans of {{ $name }}'s live version than of those of the version before it."
          description: >-
            The backend's page shows both shares and on how many tasks they are. Are the tasks of another kind than before, or sorted by
            prediction score? Then people may keep less of any version's spans. If not, {{ $kubectl }} exec deployment/{{ $name }}-backend --
            spanloop rollback brings the previous version back; backend.rollbackByAcceptance does so by itself.
      {{- end }}
      {{- end }}
      {{- with $alerts.extractorsMissing }}
      {{- if .severity }}
      - alert: SpanloopExtractorsMissing
        # Only the leader exposes them. last_over_time keeps the alert firing while the lead changes.
        expr: |-
          max(last_over_time(spanloop_extractors_wanted{ {{- $backend }}}[5m]))
          - max(last_over_time(spanloop_extractors_ready{ {{- $backend }}}[5m])) > 0
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopExtractorsMissing") }}
          summary: "{{`{{ $value }}`}} of the extractors that {{ $name }} should have are not ready."
          description: >-
            Predictions are slower, or fail if no extractor is ready. {{ $kubectl }} get pods -l
            app.kubernetes.io/instance={{ $.Release.Name }},app.kubernetes.io/component=extractor shows the pods, and "describe" shows what one
            lacks: a node with room or a GPU, the image, or the version, which it pulls from the registry.
      {{- end }}
      {{- end }}
      {{- with $alerts.registryAway }}
      {{- if .severity }}
      - alert: SpanloopRegistryAway
        expr: |-
          min(spanloop_dependency_up{ {{- $backend }},dependency="registry"}) == 0
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopRegistryAway") }}
          summary: "The registry of {{ $name }} does not answer, or refuses its credentials."
          description: >-
            The live version goes on serving, but no new extractor pod can start, no run can publish, and no version can be rolled out. The
            backend's page and {{ $kubectl }} logs deployment/{{ $name }}-backend say why: the address (registry.url), its credentials
            (registry.existingSecret), its certificate, or a NetworkPolicy (networkPolicy.registry).
      {{- end }}
      {{- end }}
      {{- with $alerts.labelStudioAway }}
      {{- if .severity }}
      - alert: SpanloopLabelStudioAway
        expr: |-
          min(spanloop_dependency_up{ {{- $backend }},dependency="label_studio"}) == 0
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopLabelStudioAway") }}
          summary: "Label Studio does not answer {{ $name }}, or refuses its API key."
          description: >-
            Predictions go on, but no run can start, and people's work is not compared. The backend's page and
            {{ $kubectl }} logs deployment/{{ $name }}-backend say which: the address (labelStudio.url), a key that has expired or was revoked
            (labelStudio.existingSecret), or a NetworkPolicy (networkPolicy.labelStudio).
      {{- end }}
      {{- end }}
      {{- with $alerts.apiServerAway }}
      {{- if .severity }}
      - alert: SpanloopApiServerAway
        expr: |-
          min(spanloop_dependency_up{ {{- $backend }},dependency="api_server"}) == 0
        for: {{ .for }}
        labels:
          {{- include "spanloop.alert.labels" (dict "root" $ "severity" .severity) | nindent 10 }}
        annotations:{{ include "spanloop.alert.runbook" (dict "root" $ "alert" "SpanloopApiServerAway") }}
          summary: "The Kubernetes API server does not answer the backend of {{ $name }}."
          description: >-
            Predictions go on, but runs and rollouts stand still, and the extractor is not woken from zero. {{ $kubectl }} logs
            deployment/{{ $name }}-backend says why: the API server is away, or the NetworkPolicy does not let the backend reach it
            (networkPolicy.apiServer).
      {{- end }}
      {{- end }}
{{- end }}

{{/* The link to an alert's section of the runbook: (dict "root" $ "alert" "NAME"). Empty where no address is set. */}}
{{- define "spanloop.alert.runbook" -}}
{{- with .root.Values.monitoring.alerts.runbookUrl }}
{{ printf "runbook_url: %q" (printf "%s#%s" . (lower $.alert)) | indent 10 }}
{{- end }}
{{- end }}

{{/* The labels by which Alertmanager routes an alert, because its expression has none: (dict "root" $ "severity" "critical"). */}}
{{- define "spanloop.alert.labels" -}}
severity: {{ .severity | quote }}
namespace: {{ .root.Release.Namespace }}
release: {{ include "spanloop.fullname" .root }}
{{- end }}
