{{- define "onematter.egressDns" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  {{- with .Values.networkPolicy.dns }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "onematter.egressKafka" -}}
- ports:
    {{- if .Values.kafka.ports }}
    {{- range .Values.kafka.ports }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
    {{- else }}
    {{- $ports := list }}
    {{- range splitList "," .Values.kafka.bootstrapServers }}{{ $ports = append $ports (splitList ":" . | last) }}{{ end }}
    {{- range uniq $ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
    {{- end }}
  {{- with .Values.networkPolicy.kafka }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "onematter.egressCollector" -}}
- ports: [{port: {{ (urlParse .Values.tracing.endpoint).host | splitList ":" | last }}, protocol: TCP}]
  {{- with .Values.networkPolicy.collector }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "onematter.egressDatabase" -}}
- ports: [{port: {{ int .Values.database.port }}, protocol: TCP}]
  {{- with .Values.networkPolicy.database }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
