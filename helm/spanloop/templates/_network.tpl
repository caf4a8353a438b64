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

{{/* The registry, at the ports of the values or, without any, at the port of its address. */}}
{{- define "spanloop.network.registry" -}}
{{- if .Values.registry.url }}
{{- $named := regexFind ":[0-9]+$" (.Values.registry.url | splitList "/" | first) | trimPrefix ":" }}
{{- $port := $named | default (ternary 80 443 .Values.registry.plainHttp) }}
{{- include "spanloop.network.rule" (dict "direction" "to" "peers" .Values.networkPolicy.registry.peers "ports" (.Values.networkPolicy.registry.ports | default (list $port))) }}
{{- end }}
{{- end }}

{{/* The registry and, for a model on the hub, the hub. */}}
{{- define "spanloop.network.models" -}}
{{- include "spanloop.network.registry" . }}
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
