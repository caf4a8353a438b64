{{/* The live version, which the backend writes to the pod template; without it the initial model is live. */}}
{{- define "spanloop.extractor.live" -}}
- name: SPANLOOP_LIVE
  valueFrom:
    fieldRef:
      fieldPath: metadata.annotations['spanloop.dev/version']
{{- end }}

{{/* The environment of the init container that pulls the live version. */}}
{{- define "spanloop.extractor.pullEnv" -}}
{{ include "spanloop.env" . }}
{{- include "spanloop.registryEnv" . }}
{{ include "spanloop.signaturesEnv" . }}
{{ include "spanloop.extractor.live" . }}
- name: SPANLOOP_TERMINATION_LOG
  value: /dev/termination-log
{{- end }}

{{/* The extractor's environment. */}}
{{- define "spanloop.extractor.env" -}}
{{ include "spanloop.env" . }}
{{ include "spanloop.modelEnv" (dict "root" . "component" "extractor") }}
{{ include "spanloop.signaturesEnv" . }}
{{ include "spanloop.extractor.live" . }}
- name: SPANLOOP_PULLED
  value: /model
# The backend sends a text once for each control that marks it, so requests are larger than the backend's.
- name: SPANLOOP_MAX_BODY_MB
  value: {{ mul .Values.backend.maxBodyMb 4 | quote }}
{{- end }}
