{{/* The backend's environment. */}}
{{- define "spanloop.backend.env" -}}
{{ include "spanloop.env" . }}
{{- include "spanloop.registryEnv" . }}
{{ include "spanloop.signaturesEnv" . }}
{{- include "spanloop.labelStudioUrls" . }}
{{- with .Values.labelStudio.existingSecret }}
- name: SPANLOOP_LABEL_STUDIO_API_KEY_FILE
  value: /etc/spanloop/secrets/api-key
{{- end }}
{{- include "spanloop.textEnv" . }}
- name: SPANLOOP_EXTRACTOR_URL
  value: http://{{ include "spanloop.fullname" . }}-extractor.{{ .Release.Namespace }}.svc:{{ include "spanloop.port" "extractor" }}
- name: SPANLOOP_EXTRACTOR_DEPLOYMENT
  value: {{ include "spanloop.fullname" . }}-extractor
- name: SPANLOOP_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: SPANLOOP_RELEASE
  value: {{ include "spanloop.fullname" . }}
- name: SPANLOOP_LEASE
  value: {{ include "spanloop.fullname" . }}-backend
- name: SPANLOOP_JOB_TEMPLATE
  value: /etc/spanloop/training/job.yaml
- name: SPANLOOP_PRELABEL_TEMPLATE
  value: /etc/spanloop/prelabel/job.yaml
- name: SPANLOOP_ROLLOUT_SECONDS
  value: {{ .Values.rolloutSeconds | int | quote }}
- name: SPANLOOP_IDLE_SECONDS
  {{- /* 0: the backend never scales to zero. With KEDA, KEDA does it. */}}
  value: {{ ternary (.Values.scaleToZero.idleSeconds | int) 0 (and .Values.scaleToZero.enabled (ne .Values.autoscaling.kind "keda")) | quote }}
- name: SPANLOOP_KEEP_RUNS
  value: {{ .Values.training.keepRuns | int | quote }}
- name: SPANLOOP_MIN_ANNOTATIONS
  value: {{ .Values.training.minAnnotations | int | quote }}
- name: SPANLOOP_PREDICT_DEADLINE
  value: {{ .Values.backend.predictDeadline | int | quote }}
- name: SPANLOOP_MAX_BODY_MB
  value: {{ .Values.backend.maxBodyMb | int | quote }}
- name: SPANLOOP_RETRAIN_EVERY
  value: {{ .Values.backend.retrain.every | int | quote }}
- name: SPANLOOP_RETRAIN_MINIMUM
  value: {{ .Values.backend.retrain.minimum | int | quote }}
- name: SPANLOOP_RETRAIN_QUIET
  value: {{ .Values.backend.retrain.quiet | int | quote }}
- name: SPANLOOP_SET_MODEL_VERSION
  value: {{ .Values.backend.setModelVersion | quote }}
- name: SPANLOOP_ROLLBACK_BY_ACCEPTANCE
  value: {{ .Values.backend.rollbackByAcceptance | quote }}
{{- /* A Prometheus that scrapes by annotations sends no credentials. */}}
- name: SPANLOOP_METRICS_OPEN
  value: {{ eq .Values.monitoring.scrape "annotations" | quote }}
{{- if .Values.basicAuth.enabled }}
- name: SPANLOOP_BASIC_AUTH_FOLDER
  value: /etc/spanloop/secrets
{{- end }}
{{- /* An older image knows the variables alone. Without them it would let everybody in. The folder wins where it is known. */}}
{{- include "spanloop.basicAuthEnv" . }}
{{- end }}
