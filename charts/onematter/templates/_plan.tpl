{{/*
What is installed, worked out once from files/services.yaml and the values: `deployments`, each with what it is and all its settings,
and `topics`, the rows of the topics table. Read it with `include "onematter.plan" . | fromYaml`.
*/}}
{{- define "onematter.plan" -}}
{{- $root := . -}}
{{- $wiring := .Files.Get "files/services.yaml" | fromYaml -}}
{{- $known := list -}}
{{- range $wiring.services }}{{ $known = append $known .name }}{{ end -}}
{{- range $name := keys .Values.services | sortAlpha -}}
  {{- if not (has $name $known) -}}
    {{- fail (printf "services.%s: there is no such service; there are %s" $name (join ", " $known)) -}}
  {{- end -}}
{{- end -}}
{{- $deployments := list -}}
{{- $topics := list -}}
{{- range $service := $wiring.services -}}
  {{- $rooms := list (dict "name" $service.name) -}}
  {{- if $service.rooms }}{{ $rooms = $root.Values.approvals }}{{ end -}}
  {{- if and $service.optional (not (get $root.Values $service.name).enabled) }}{{ $rooms = list }}{{ end -}}
  {{- $names := list -}}
  {{- range $rooms }}{{ $names = append $names .name }}{{ end -}}
  {{- range $room := $rooms -}}
    {{- $settings := deepCopy $root.Values.defaults -}}
    {{- if $service.single }}{{ $_ := set $settings "replicas" 1 }}{{ end -}}
    {{- $settings = mustMergeOverwrite $settings (deepCopy (get $root.Values.services $service.name | default dict)) -}}
    {{- $settings = mustMergeOverwrite $settings (omit (deepCopy $room) "name" "level" "division") -}}
    {{- $deployment := dict "name" $room.name "service" $service.name "level" ($room.level | default "") "division" ($room.division | default "") "wiring" (omit $service "topics") "settings" $settings -}}
    {{- $_ := set $deployment "kafka" (include "onematter.kafkaOf" (dict "root" $root "deployment" $deployment) | fromYaml) -}}
    {{- $_ := set $deployment "database" (include "onematter.databaseOf" (dict "root" $root "deployment" $deployment) | fromYaml) -}}
    {{- $deployments = append $deployments $deployment -}}
    {{- range $topic := $service.topics -}}
      {{- $short := trimPrefix (printf "%s-" $service.name) $room.name -}}
      {{- if not (and $topic.shared (ne $room.name (index $names 0))) -}}
        {{- $readers := list -}}
        {{- range $topic.readers }}{{ $readers = append $readers (. | replace "{deployment}" $room.name) }}{{ end -}}
        {{- $writers := $topic.writers | default list -}}
        {{- if $topic.shared }}{{ $writers = concat $writers (rest $names) }}{{ end -}}
        {{- $topics = append $topics (dict "name" ($topic.name | replace "{room}" $short) "kind" $topic.kind "owner" $room.name "writers" $writers "readers" $readers) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- dict "deployments" $deployments "topics" $topics | toYaml -}}
{{- end -}}

{{/* A deployment's Kafka user: its own, else that of its KafkaUser where the release makes one beside it, else everybody's. */}}
{{- define "onematter.kafkaOf" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $own := .deployment.settings.kafka | default dict -}}
{{- $secret := $own.existingSecret -}}
{{- $username := $own.username -}}
{{- if and (not $secret) $kafka.strimzi.users (has $kafka.strimzi.namespace (list "" .root.Release.Namespace)) -}}
  {{- $secret = printf "%s-%s" (include "onematter.fullname" .root) .deployment.name -}}
  {{- $username = $secret -}}
{{- end -}}
{{- dict "secret" ($secret | default $kafka.existingSecret) "username" ($username | default $kafka.username) "keys" (mustMergeOverwrite (deepCopy $kafka.secretKeys) ($own.secretKeys | default dict)) | toYaml -}}
{{- end -}}

{{/* Who logs in as whom, as `provision --acls` reads it; nothing where it makes no ACLs. */}}
{{- define "onematter.principalsToml" -}}
{{- $acls := .Values.kafka.acls -}}
{{- if $acls.enabled -}}
{{- $plan := include "onematter.plan" . | fromYaml -}}
[deployments]
{{- range $d := $plan.deployments }}
{{- if not $d.wiring.brokerless }}
{{ $d.name }} = {{ get $acls.principals $d.name | default (list (printf "User:%s" $d.kafka.username)) | toJson }}
{{- end }}
{{- end }}
{{- range $acls.clients }}

[[client]]
principal = {{ .principal | quote }}
groups = {{ .groups | quote }}
{{- with .topics }}
topics = {{ toJson . }}
{{- end }}
{{- end }}
{{ end -}}
{{- end -}}

{{- define "onematter.databaseOf" -}}
{{- $database := .root.Values.database -}}
{{- $own := .deployment.settings.database | default dict -}}
{{- dict "secret" ($own.existingSecret | default $database.existingSecret) "key" ($own.secretKey | default $database.secretKey) | toYaml -}}
{{- end -}}

{{/* The topics table as onematter reads it (contracts/topics.toml). */}}
{{- define "onematter.topicsToml" -}}
{{- $plan := include "onematter.plan" . | fromYaml -}}
[defaults]
partitions = {{ int .Values.kafka.topics.partitions }}
retention_ms = -1
cleanup_policy = "delete"
timestamp_type = "LogAppendTime"
max_message_bytes = 1048576
{{- if .Values.kafka.topics.remoteStorage }}
remote_storage = true
{{- with .Values.kafka.topics.localRetentionMs }}
local_retention_ms = {{ int64 . }}
{{- end }}
{{- end }}
{{- range $plan.deployments }}
{{- if not .wiring.brokerless }}

[[deployment]]
name = {{ .name | quote }}
service = {{ .service | quote }}
{{- with .level }}
level = {{ . | quote }}
{{- end }}
{{- with .division }}
division = {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- range $plan.topics }}

[[topic]]
name = {{ .name | quote }}
kind = {{ .kind | quote }}
owner = {{ .owner | quote }}
{{- with .writers }}
writers = {{ toJson . }}
{{- end }}
{{- with .readers }}
readers = {{ toJson . }}
{{- end }}
{{- end }}
{{ end -}}
