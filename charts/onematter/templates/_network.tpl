{{/* A way out to ports (by TCP, or the protocols named): to these peers alone, or to everybody. Takes ports, perhaps protocols and to. */}}
{{- define "onematter.egress" -}}
{{- $ports := list -}}
{{- range $port := .ports }}{{ range $.protocols | default (list "TCP") }}{{ $ports = append $ports (printf "{port: %v, protocol: %s}" $port .) }}{{ end }}{{ end -}}
- ports: [{{ join ", " $ports }}]
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "onematter.egressDns" -}}
{{ include "onematter.egress" (dict "ports" (list 53) "protocols" (list "UDP" "TCP") "to" .Values.networkPolicy.dns) }}
{{- end -}}

{{- define "onematter.egressKafka" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.bootstrapServers }}{{ $ports = append $ports (splitList ":" . | last) }}{{ end -}}
{{ include "onematter.egress" (dict "ports" (.Values.kafka.ports | default (uniq $ports)) "to" .Values.networkPolicy.kafka) }}
{{- end -}}

{{- define "onematter.egressDatabase" -}}
{{ include "onematter.egress" (dict "ports" (list .Values.database.port) "to" .Values.networkPolicy.database) }}
{{- end -}}
