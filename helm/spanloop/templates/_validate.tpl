{{/* Refuses combinations of values that cannot work, before anything is installed. */}}
{{- define "spanloop.validate" -}}
{{- if and .Values.backend.persistence.enabled (gt (int .Values.backend.replicas) 1) }}
{{- fail "backend.persistence.enabled needs backend.replicas=1: only one pod may use the claim. Nothing was installed." }}
{{- end }}
{{- if and .Values.training.schedule.enabled (not .Values.training.schedule.projects) }}
{{- fail "training.schedule.enabled needs training.schedule.projects: the ids of the Label Studio projects to learn from. Nothing was installed." }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: without a Gateway the route leads nowhere. Nothing was installed." }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas. Nothing was installed." }}
{{- end }}
{{- if and (hasPrefix (printf "%s/" .Values.model.mountPath) .Values.model.name) (not .Values.model.volume) (not .Values.extraVolumes) }}
{{- fail (printf "model.name is a path below %s, but no volume is mounted there: set model.volume. Nothing was installed." .Values.model.mountPath) }}
{{- end }}
{{- if and .Values.admissionPolicy.enabled (semverCompare "<1.30-0" .Capabilities.KubeVersion.Version) }}
{{- fail (printf "admissionPolicy.enabled needs Kubernetes 1.30, and this is %s. Nothing was installed." .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if and .Values.registry.imagePullSecret (not .Values.registry.existingSecret) }}
{{- fail "registry.imagePullSecret needs registry.existingSecret. Nothing was installed." }}
{{- end }}
{{- if and (ne .Values.monitoring.alerts.kind "none") (ge (float64 .Values.monitoring.alerts.predictSlow.above) (float64 .Values.backend.predictDeadline)) }}
{{- fail "monitoring.alerts.predictSlow.above must be below backend.predictDeadline: no answer takes longer, so the alert would never fire. Nothing was installed." }}
{{- end }}
{{- end }}
