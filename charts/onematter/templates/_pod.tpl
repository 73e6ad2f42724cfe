{{/* What every pod has: restricted security, no token, no variables made from Services. Takes root and component. */}}
{{- define "onematter.podBase" -}}
serviceAccountName: {{ include "onematter.fullname" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "onematter.containerBase" -}}
image: {{ include "onematter.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* How to reach Kafka, as contracts/connections.py reads it. Takes root and kafka (a deployment's). */}}
{{- define "onematter.kafkaEnv" -}}
{{- $kafka := .root.Values.kafka -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ $kafka.bootstrapServers | quote }}}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ $kafka.securityProtocol }}}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- {name: KAFKA_SASL_MECHANISM, value: {{ $kafka.saslMechanism }}}
{{- if .kafka.username }}
- {name: KAFKA_SASL_USERNAME, value: {{ .kafka.username | quote }}}
{{- else }}
- {name: KAFKA_SASL_USERNAME_FILE, value: /etc/onematter/kafka/username}
{{- end }}
- {name: KAFKA_SASL_PASSWORD_FILE, value: /etc/onematter/kafka/password}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if $kafka.tls.caSecret }}
- {name: KAFKA_SSL_CA_FILE, value: /etc/onematter/kafka-ca/ca.crt}
{{- end }}
{{- if $kafka.tls.clientSecret }}
- {name: KAFKA_SSL_CERTIFICATE_FILE, value: /etc/onematter/kafka-client/tls.crt}
- {name: KAFKA_SSL_KEY_FILE, value: /etc/onematter/kafka-client/tls.key}
{{- end }}
{{- end }}
{{- end -}}

{{- define "onematter.kafkaMounts" -}}
{{- $kafka := .root.Values.kafka -}}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- {name: kafka, mountPath: /etc/onematter/kafka, readOnly: true}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if $kafka.tls.caSecret }}
- {name: kafka-ca, mountPath: /etc/onematter/kafka-ca, readOnly: true}
{{- end }}
{{- if $kafka.tls.clientSecret }}
- {name: kafka-client, mountPath: /etc/onematter/kafka-client, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{- define "onematter.kafkaVolumes" -}}
{{- $kafka := .root.Values.kafka -}}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: kafka
  secret:
    secretName: {{ .kafka.secret }}
    defaultMode: 0440
    items:
      {{- if not .kafka.username }}
      - {key: {{ .kafka.keys.username }}, path: username}
      {{- end }}
      - {key: {{ .kafka.keys.password }}, path: password}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- with $kafka.tls.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ . }}
    items: [{key: {{ $kafka.tls.caKey }}, path: ca.crt}]
{{- end }}
{{- with $kafka.tls.clientSecret }}
- name: kafka-client
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}
{{- end }}
{{- end -}}

{{- define "onematter.databaseEnv" -}}
- {name: DATABASE_URL_FILE, value: /etc/onematter/database-url/url}
{{- end -}}

{{/* Takes root, database (a deployment's) and volume, the name of its volume. */}}
{{- define "onematter.databaseMounts" -}}
- {name: {{ .volume | default "database" }}, mountPath: /etc/onematter/database-url, readOnly: true}
{{- if .root.Values.database.caSecret }}
- {name: database-ca, mountPath: /etc/onematter/database, readOnly: true}
{{- end }}
{{- end -}}

{{- define "onematter.databaseVolume" -}}
- name: {{ .volume | default "database" }}
  secret:
    secretName: {{ .database.secret }}
    defaultMode: 0440
    items: [{key: {{ .database.key }}, path: url}]
{{- end -}}

{{- define "onematter.databaseCaVolume" -}}
{{- with .Values.database }}
{{- if .caSecret }}
- name: database-ca
  secret:
    secretName: {{ .caSecret }}
    items: [{key: {{ .caKey }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- end -}}

{{/* What a service reads besides its connections. Takes root and deployment. */}}
{{- define "onematter.serviceEnv" -}}
{{- $values := .root.Values -}}
{{- $d := .deployment -}}
- {name: ONEMATTER_DEPLOYMENT, value: {{ $d.name }}}
{{- if not $d.wiring.brokerless }}
- {name: ONEMATTER_TOPICS, value: /etc/onematter/topics/topics.toml}
{{- end }}
- {name: ONEMATTER_METRICS_ADDRESS, value: "0.0.0.0:9090"}
- {name: ONEMATTER_DATA_DIR, value: /var/lib/onematter}
{{- if $d.wiring.database }}
- {name: ONEMATTER_ENVIRONMENT, value: {{ $values.environment }}}
- {name: ONEMATTER_MAX_BATCH, value: {{ int $d.settings.maxBatch | quote }}}
- {name: ONEMATTER_GRACE_SECONDS, value: {{ int $d.settings.drainSeconds | quote }}}
- {name: ONEMATTER_LOG_LEVEL, value: {{ $d.settings.logLevel }}}
{{- if $values.catalogue.configMap }}
- {name: ONEMATTER_CATALOGUE_DIR, value: /etc/onematter/catalogue}
{{- end }}
{{- if $values.catalogue.calendarConfigMap }}
- {name: ONEMATTER_CALENDAR_DIR, value: /etc/onematter/calendar}
{{- end }}
{{- if $values.tracing.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ $values.tracing.endpoint | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: {{ $values.tracing.sampler }}}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ $values.tracing.ratio | toString | quote }}}
{{- end }}
{{- end }}
{{- if $d.wiring.grpc }}
- {name: ONEMATTER_GRPC_ADDRESS, value: "0.0.0.0:8080"}
{{- end }}
{{- if and (eq $d.service "intake") $values.intake.queryKeySecret }}
- {name: ONEMATTER_QUERY_KEY_FILE, value: /etc/onematter/query-key/query-key}
{{- end }}
{{- if eq $d.service "exchange" }}
- {name: ONEMATTER_INTAKE_ADDRESS, value: "{{ include "onematter.fullname" .root }}-intake:8080"}
{{- with $values.exchange.platformAddress }}
- {name: ONEMATTER_DATASHARE_ADDRESS, value: {{ . | quote }}}
{{- end }}
- {name: ONEMATTER_DATASHARE_TIMEOUT_SECONDS, value: {{ $values.exchange.timeoutSeconds | toString | quote }}}
- {name: ONEMATTER_SHARING_GIVE_UP_SECONDS, value: {{ int64 $values.exchange.giveUpSeconds | toString | quote }}}
- {name: ONEMATTER_SHARING_LATE_SECONDS, value: {{ int64 $values.exchange.lateSeconds | toString | quote }}}
{{- end }}
{{- if eq $d.service "canary" }}
{{- $called := dict }}
{{- range $d.wiring.calls }}{{ $_ := set $called . (printf "%s-%s:8080" (include "onematter.fullname" $.root) .) }}{{ end }}
- {name: ONEMATTER_PEERS, value: {{ $called | toJson | quote }}}
- {name: ONEMATTER_CANARY_DIVISIONS, value: {{ join "," $values.canary.divisions | quote }}}
- {name: ONEMATTER_CANARY_INTERVAL_SECONDS, value: {{ int $values.canary.intervalSeconds | quote }}}
- {name: ONEMATTER_CANARY_TIMEOUT_SECONDS, value: {{ int $values.canary.timeoutSeconds | quote }}}
- {name: ONEMATTER_LOG_LEVEL, value: {{ $d.settings.logLevel }}}
{{- end }}
{{- range $name, $value := $d.settings.env }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}
