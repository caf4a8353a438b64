{{/* The environment of a pre-labelling. Its project is an argument. */}}
{{- define "spanloop.prelabel.env" -}}
{{ include "spanloop.env" . }}
{{- include "spanloop.labelStudioEnv" . }}
{{- include "spanloop.basicAuthEnv" . }}
- name: SPANLOOP_BACKEND_URL
  value: http://{{ include "spanloop.fullname" . }}-backend.{{ .Release.Namespace }}.svc:{{ .Values.backend.service.port }}
- name: SPANLOOP_PROGRESS_PORT
  value: {{ include "spanloop.port" "prelabel" | quote }}
- name: SPANLOOP_TERMINATION_LOG
  value: /dev/termination-log
- name: SPANLOOP_PRELABEL_PAUSE
  value: {{ .Values.prelabel.pause | quote }}
{{- end }}
