{{/*
The Job of a pre-labelling, rendered in one place for three launchers, like that of a run. The backend reads it from the ConfigMap and adds a
name and the project. The CronJob has the project of the values.
*/}}

{{/* The spec of a Job: (dict "root" $ "component" "prelabel" "project" 3); project 0: the backend adds it. */}}
{{- define "spanloop.prelabel.job" -}}
{{- $root := .root }}
{{- $values := $root.Values.prelabel }}
{{- $version := $root.Capabilities.KubeVersion.Version -}}
# Each worker does the tasks of its own ids; its index is its shard.
completionMode: Indexed
completions: {{ int $values.workers }}
parallelism: {{ int $values.workers }}
backoffLimit: {{ int $values.backoffLimit }}
{{- with int $values.activeDeadlineSeconds }}
activeDeadlineSeconds: {{ . }}
{{- end }}
{{- with int $values.ttlSecondsAfterFinished }}
ttlSecondsAfterFinished: {{ . }}
{{- end }}
{{- if semverCompare ">=1.29-0" $version }}
# A pod that is ending still writes its page. A successor beside it would write the same predictions once more.
podReplacementPolicy: Failed
{{- end }}
{{- if semverCompare ">=1.26-0" $version }}
podFailurePolicy:
  rules:
    # A drained node does not count as a failure: workers may run on nodes that come and go.
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    # Neither does a worker that ended because another version became live (4) or because it was asked to (143). The next
    # one goes on, with the version that is live then.
    - action: Ignore
      onExitCodes:
        containerName: prelabel
        operator: In
        values: [4, 143]
    # Another try would fail the same way after wrong arguments.
    - action: FailJob
      onExitCodes:
        containerName: prelabel
        operator: In
        values: [2]
{{- end }}
template:
  metadata:
    labels:
      {{- include "spanloop.podLabels" . | nindent 6 }}
    {{- with include "spanloop.podAnnotations" . }}
    annotations:
      {{- . | nindent 6 }}
    {{- end }}
  spec:
    # With Never, a failed pod stays and can be inspected. The failure policy needs Never as well.
    restartPolicy: Never
    # It has no rights, like a run.
    serviceAccountName: {{ include "spanloop.fullname" $root }}-training
    automountServiceAccountToken: false
    enableServiceLinks: false
    terminationGracePeriodSeconds: {{ int $values.terminationGracePeriodSeconds }}
    {{- include "spanloop.imagePullSecrets" $root | nindent 4 }}
    securityContext:
      {{- include "spanloop.podSecurityContext" $root | nindent 6 }}
    {{- include "spanloop.scheduling" . | nindent 4 }}
    containers:
      - name: prelabel
        {{- include "spanloop.container" $root | nindent 8 }}
        command: [python, -m, service]
        args:
          - prelabel
          {{- with int .project }}
          - --project
          - {{ . | quote }}
          {{- end }}
          - --shards
          - {{ int $values.workers | quote }}
        ports:
          - name: http
            containerPort: {{ include "spanloop.port" "prelabel" }}
            protocol: TCP
        env:
          {{- include "spanloop.environment" (dict "root" $root "component" "prelabel" "env" (include "spanloop.prelabel.env" $root)) | nindent 10 }}
        resources:
          {{- include "spanloop.resources" . | nindent 10 }}
        volumeMounts:
          {{- include "spanloop.volumeMounts" (dict "root" $root "claim" "") | nindent 10 }}
    volumes:
      {{- include "spanloop.volumes" (dict "root" $root "claim" "") | nindent 6 }}
{{- end }}

{{/* The whole manifest, without a name and the project, which the backend adds. */}}
{{- define "spanloop.prelabel.manifest" -}}
{{- $scope := dict "root" . "component" "prelabel" "project" 0 -}}
apiVersion: batch/v1
kind: Job
metadata:
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "spanloop.labels" $scope | nindent 4 }}
  {{- with .Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "spanloop.prelabel.job" $scope | nindent 2 }}
{{- end }}
