{{/* The environment of a run. Its projects are arguments. */}}
{{- define "spanloop.training.env" -}}
{{ include "spanloop.env" . }}
{{- include "spanloop.registryEnv" . }}
{{ include "spanloop.signaturesEnv" . }}
- name: SPANLOOP_SIGNING_KEY
  value: /etc/spanloop/signing-key/tls.key
{{ include "spanloop.modelEnv" (dict "root" . "component" "training") }}
{{- include "spanloop.labelStudioEnv" . }}
{{- include "spanloop.textEnv" . }}
{{- include "spanloop.basicAuthEnv" . }}
- name: SPANLOOP_RELEASE
  value: {{ include "spanloop.fullname" . }}
- name: SPANLOOP_BACKEND_URL
  value: http://{{ include "spanloop.fullname" . }}-backend.{{ .Release.Namespace }}.svc:{{ .Values.backend.service.port }}
- name: SPANLOOP_PROGRESS_PORT
  value: {{ include "spanloop.port" "training" | quote }}
- name: SPANLOOP_TERMINATION_LOG
  value: /dev/termination-log
- name: SPANLOOP_PATIENCE
  value: {{ int .Values.training.patience | quote }}
- name: SPANLOOP_STEPS
  value: {{ int .Values.training.steps | quote }}
- name: SPANLOOP_MINUTES
  value: {{ .Values.training.minutes | quote }}
- name: SPANLOOP_BATCH_SIZE
  value: {{ int .Values.training.batchSize | quote }}
- name: SPANLOOP_MIN_ANNOTATIONS
  value: {{ int .Values.training.minAnnotations | quote }}
- name: SPANLOOP_SEED
  value: {{ int .Values.training.seed | quote }}
{{- with .Values.training.judge }}
- name: SPANLOOP_PROMOTION_RISK
  value: {{ .risk | quote }}
- name: SPANLOOP_LABEL_MARGIN
  value: {{ .labelMargin | quote }}
- name: SPANLOOP_LABEL_SUPPORT
  value: {{ int .labelSupport | quote }}
- name: SPANLOOP_JUDGED_VERSIONS
  value: {{ int .versions | quote }}
- name: SPANLOOP_CROSS_VALIDATED_TEXTS
  value: {{ int .crossValidatedTexts | quote }}
{{- end }}
{{- with .Values.training.exclude.annotators }}
- name: SPANLOOP_EXCLUDE_ANNOTATORS
  value: {{ include "spanloop.training.listed" . }}
{{- end }}
{{- with .Values.training.exclude.tasks }}
- name: SPANLOOP_EXCLUDE_TASKS
  value: {{ include "spanloop.training.listed" . }}
{{- end }}
{{- end }}

{{/* A list as a setting has it: with commas between. Helm reads a number as a float, which it would write as 1e+06. */}}
{{- define "spanloop.training.listed" -}}
{{- $parts := list }}
{{- range . }}
{{- $parts = append $parts (kindIs "string" . | ternary . (int64 . | toString)) }}
{{- end }}
{{- join "," $parts | quote }}
{{- end }}
