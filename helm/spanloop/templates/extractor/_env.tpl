{{/* The live version, as the backend wrote it on the pod template; absent: the initial model. */}}
{{- define "spanloop.extractor.live" -}}
- name: SPANLOOP_LIVE
  valueFrom:
    fieldRef:
      fieldPath: metadata.annotations['spanloop.dev/version']
{{- end }}

{{/* Of the init container that pulls it. */}}
{{- define "spanloop.extractor.pullEnv" -}}
{{ include "spanloop.env" . }}
{{- include "spanloop.registryEnv" . }}
{{ include "spanloop.extractor.live" . }}
{{- end }}

{{/* Of the extractor itself. */}}
{{- define "spanloop.extractor.env" -}}
{{ include "spanloop.env" . }}
{{ include "spanloop.modelEnv" (dict "root" . "component" "extractor") }}
{{ include "spanloop.extractor.live" . }}
- name: SPANLOOP_PULLED
  value: /model
# A text that several controls mark is sent once for each of them.
- name: SPANLOOP_MAX_BODY_MB
  value: {{ mul .Values.backend.maxBodyMb 4 | quote }}
{{- end }}
