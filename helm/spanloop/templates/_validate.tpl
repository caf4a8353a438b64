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
{{- if and (hasPrefix "/" .Values.model.name) (not .Values.model.volume) (not .Values.extraVolumes) }}
{{- fail "model.name is a path, but no model.volume brings it into the pods. Nothing was installed." }}
{{- end }}
{{- if and .Values.registry.imagePullSecret (not .Values.registry.existingSecret) }}
{{- fail "registry.imagePullSecret needs registry.existingSecret. Nothing was installed." }}
{{- end }}
{{- end }}
