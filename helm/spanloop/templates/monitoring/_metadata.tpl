{{/* The metadata of what a program has to find by labels, with these: (dict "root" "component" "name" "labels"). */}}
{{- define "spanloop.monitoring.metadata" -}}
{{- $metadata := include "spanloop.metadata" . | fromYaml }}
{{- $_ := set $metadata "labels" (merge (dict) $metadata.labels .labels) }}
{{- toYaml $metadata }}
{{- end }}
