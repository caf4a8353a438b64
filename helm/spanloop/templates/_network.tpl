{{/* Rules of NetworkPolicies. An empty list of peers makes no rule, because in a rule an empty list means everybody. */}}

{{/* (dict "direction" "from" or "to", "peers" list, "ports" list; no ports: all) */}}
{{- define "spanloop.network.rule" -}}
{{- if .peers }}
- {{ .direction }}:
    {{- toYaml .peers | nindent 4 }}
  {{- with .ports }}
  ports:
    {{- range . }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The pods of a component of this release, as a list of peers in JSON: (dict "root" $ "component" "backend"). */}}
{{- define "spanloop.network.pods" -}}
{{- list (dict "podSelector" (dict "matchLabels" (include "spanloop.selectorLabels" . | fromYaml))) | toJson }}
{{- end }}

{{/* The registry and, for a model on the hub, the hub. */}}
{{- define "spanloop.network.models" -}}
{{- if .Values.registry.url }}
{{- include "spanloop.network.rule" (dict "direction" "to" "peers" .Values.networkPolicy.registry.peers "ports" .Values.networkPolicy.registry.ports) }}
{{- end }}
{{- if include "spanloop.modelOnHub" . }}
{{- include "spanloop.network.rule" (dict "direction" "to" "peers" .Values.networkPolicy.modelHub.peers "ports" .Values.networkPolicy.modelHub.ports) }}
{{- end }}
{{- end }}

{{/* The hosts of texts at an address. */}}
{{- define "spanloop.network.texts" -}}
{{- if .Values.textHosts }}
{{- include "spanloop.network.rule" (dict "direction" "to" "peers" .Values.networkPolicy.textHosts.peers "ports" .Values.networkPolicy.textHosts.ports) }}
{{- end }}
{{- end }}

{{/* Prometheus: (dict "root" $ "component" "extractor"). */}}
{{- define "spanloop.network.monitoring" -}}
{{- if ne .root.Values.monitoring.scrape "none" }}
{{- include "spanloop.network.rule" (dict "direction" "from" "peers" .root.Values.networkPolicy.monitoring.peers "ports" (list (include "spanloop.port" .component))) }}
{{- end }}
{{- end }}
