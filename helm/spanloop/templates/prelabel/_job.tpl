{{/* The environment of a pre-labelling, without extraEnv. */}}
{{- define "spanloop.prelabel.env" -}}
{{ include "spanloop.env" . }}
{{- include "spanloop.labelStudioEnv" . }}
{{- include "spanloop.basicAuthEnv" . }}
- name: SPANLOOP_BACKEND_URL
  value: http://{{ include "spanloop.fullname" . }}-backend.{{ .Release.Namespace }}.svc:{{ .Values.backend.service.port }}
- name: SPANLOOP_PRELABEL_PAUSE
  value: {{ .Values.prelabel.pause | quote }}
{{- end }}

{{/* The spec of a Job: (dict "root" $ "component" "prelabel"). */}}
{{- define "spanloop.prelabel.job" -}}
{{- $root := .root }}
{{- $values := $root.Values.prelabel -}}
# Each worker does the tasks of its own ids; its index is its shard.
completionMode: Indexed
completions: {{ int $values.workers }}
parallelism: {{ int $values.workers }}
backoffLimit: {{ int $values.backoffLimit }}
activeDeadlineSeconds: {{ int $values.activeDeadlineSeconds }}
template:
  metadata:
    labels:
      {{- include "spanloop.podLabels" . | nindent 6 }}
    {{- with $values.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    # OnFailure: the next container finds in the pod's volume which page the killed one was sending. A version that
    # changes meanwhile ends the container too, and the next one writes the predictions of the new version.
    restartPolicy: OnFailure
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
          - --project
          - {{ int $values.project | quote }}
          - --shards
          - {{ int $values.workers | quote }}
        env:
          {{- include "spanloop.environment" (dict "root" $root "component" "prelabel" "env" (include "spanloop.prelabel.env" $root)) | nindent 10 }}
        resources:
          {{- include "spanloop.resources" . | nindent 10 }}
        volumeMounts:
          {{- include "spanloop.volumeMounts" (dict "root" $root "claim" "") | nindent 10 }}
    volumes:
      {{- include "spanloop.volumes" (dict "root" $root "claim" "") | nindent 6 }}
{{- end }}
