{{/* Combinations that can't work, said before anything is installed. */}}
{{- define "spanloop.validate" -}}
{{- if and .Values.backend.persistence.enabled (gt (int .Values.backend.replicas) 1) }}
{{- fail "backend.persistence.enabled needs backend.replicas=1: its home belongs to one pod. Nothing was installed." }}
{{- end }}
{{- if and .Values.training.schedule.enabled (not .Values.training.schedule.projects) }}
{{- fail "training.schedule.enabled needs training.schedule.projects: the ids of the Label Studio projects to learn from. Nothing was installed." }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas. Nothing was installed." }}
{{- end }}
{{- if and (hasPrefix (printf "%s/" .Values.model.mountPath) .Values.model.name) (not .Values.model.volume) (not .Values.extraVolumes) }}
{{- fail (printf "model.name is a path below %s, but no model.volume brings it into the pods. Nothing was installed." .Values.model.mountPath) }}
{{- end }}
{{- if and .Values.registry.imagePullSecret (not .Values.registry.existingSecret) }}
{{- fail "registry.imagePullSecret needs registry.existingSecret. Nothing was installed." }}
{{- end }}
{{- if and (ne .Values.monitoring.alerts.kind "none") (ge (float64 .Values.monitoring.alerts.predictSlow.above) (float64 .Values.backend.predictDeadline)) }}
{{- fail "monitoring.alerts.predictSlow.above is not below backend.predictDeadline: no answer takes that long, and the alert never fires. Nothing was installed." }}
{{- end }}
{{- end }}
