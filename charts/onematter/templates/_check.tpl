{{/*
What one value alone cannot show to be wrong, in plain words: the field, the rule, the way out. values.schema.json holds the rest.
*/}}
{{- define "onematter.check" -}}
{{- $values := .Values -}}
{{- $kafka := $values.kafka -}}
{{- $plan := include "onematter.plan" . | fromYaml -}}
{{- $sasl := hasPrefix "SASL" $kafka.securityProtocol -}}
{{- $tls := hasSuffix "SSL" $kafka.securityProtocol -}}
{{- $partitions := int $kafka.topics.partitions -}}
{{- if not $values.image.repository -}}
  {{- fail "image.repository: it is empty, and no registry is known to this chart; name the image that `make image` built" -}}
{{- end -}}
{{- if and $values.image.digest $values.image.tag -}}
  {{- fail "image.digest and image.tag: both are given, and they may name two images; give the digest alone" -}}
{{- end -}}
{{- if not $kafka.bootstrapServers -}}
  {{- fail "kafka.bootstrapServers: it is empty, and this chart brings no Kafka; give host:port[,host:port] of yours" -}}
{{- end -}}
{{- if and (not $tls) (or $kafka.tls.caSecret $kafka.tls.clientSecret) -}}
  {{- fail (printf "kafka.tls: certificates are given, but kafka.securityProtocol %s does not use TLS; set SSL or SASL_SSL, or take them away" $kafka.securityProtocol) -}}
{{- end -}}
{{- if and (not $sasl) (or $kafka.existingSecret $kafka.username $kafka.strimzi.users) -}}
  {{- fail (printf "kafka.existingSecret, kafka.username or kafka.strimzi.users: a user is given, but kafka.securityProtocol %s does not ask for one; set SASL_SSL" $kafka.securityProtocol) -}}
{{- end -}}
{{- if and $kafka.strimzi.users (ne $kafka.saslMechanism "SCRAM-SHA-512") -}}
  {{- fail (printf "kafka.strimzi.users: Strimzi's users log in by SCRAM-SHA-512, and kafka.saslMechanism is %s; set it to SCRAM-SHA-512" $kafka.saslMechanism) -}}
{{- end -}}
{{- if and $sasl (eq $kafka.topics.mode "job") (not (or $kafka.topics.existingSecret $kafka.existingSecret)) -}}
  {{- fail (printf "kafka.topics.existingSecret: kafka.securityProtocol %s needs a user for the job that makes the topics; name its secret, or kafka.existingSecret for all" $kafka.securityProtocol) -}}
{{- end -}}
{{- if and (or (eq $kafka.topics.mode "strimzi") $kafka.strimzi.users) (not $kafka.strimzi.cluster) -}}
  {{- fail "kafka.strimzi.cluster: KafkaTopic and KafkaUser resources need the name of a Kafka resource; give it, or set kafka.topics.mode to job" -}}
{{- end -}}
{{- if gt (int $kafka.topics.minInsyncReplicas) (int $kafka.topics.replicationFactor) -}}
  {{- fail (printf "kafka.topics.minInsyncReplicas: %d replicas must have a record, and there are %d; nothing could ever be written" (int $kafka.topics.minInsyncReplicas) (int $kafka.topics.replicationFactor)) -}}
{{- end -}}
{{- if and (gt (int $kafka.topics.replicationFactor) 1) (eq (int $kafka.topics.minInsyncReplicas) (int $kafka.topics.replicationFactor)) -}}
  {{- fail (printf "kafka.topics.minInsyncReplicas: all %d replicas must have a record, so every broker's restart stops every service; give one fewer than kafka.topics.replicationFactor" (int $kafka.topics.replicationFactor)) -}}
{{- end -}}
{{- if and (gt (int $kafka.topics.replicationFactor) 2) (eq (int $kafka.topics.minInsyncReplicas) 1) -}}
  {{- fail "kafka.topics.minInsyncReplicas: with 1 a record that was acknowledged is lost with one broker; give 2" -}}
{{- end -}}
{{- if and $kafka.topics.localRetentionMs (not $kafka.topics.remoteStorage) -}}
  {{- fail "kafka.topics.localRetentionMs: without kafka.topics.remoteStorage it would be all that is kept, and a service that is restored needs every record; set remoteStorage, or 0" -}}
{{- end -}}
{{- include "onematter.checkApprovals" . -}}
{{- if $kafka.acls.enabled -}}
  {{- include "onematter.checkAcls" (dict "kafka" $kafka "plan" $plan "known" (or $sasl $kafka.tls.clientSecret)) -}}
{{- end -}}
{{- range $d := $plan.deployments -}}
  {{- include "onematter.checkDeployment" (dict "root" $ "deployment" $d "sasl" $sasl "partitions" $partitions) -}}
{{- end -}}
{{- if and $values.canary.enabled (not $values.canary.divisions) -}}
  {{- fail "canary.divisions: it is empty, and the canary hands its matters in somewhere; give division codes, such as 330106" -}}
{{- end -}}
{{- $persistence := $values.notification.persistence -}}
{{- if hasKey ($values.test.submission | fromYaml) "Error" -}}
  {{- fail "test.submission: it is not YAML; write it as `onematter submit` takes it" -}}
{{- end -}}
{{- if and (eq $persistence.mode "none") $persistence.existingClaim -}}
  {{- fail "notification.persistence: mode none keeps nothing, and existingClaim is given; set mode to volume" -}}
{{- end -}}
{{- if and $values.serviceMonitor.enabled $values.networkPolicy.enabled (not $values.networkPolicy.monitoring) -}}
  {{- fail "networkPolicy.monitoring: it is empty, so the Prometheus of serviceMonitor could not reach a single pod; name the peers it runs as" -}}
{{- end -}}
{{- end -}}

{{- define "onematter.checkApprovals" -}}
{{- $names := dict -}}
{{- $places := dict -}}
{{- range $approval := .Values.approvals -}}
  {{- $division := $approval.division | default "" -}}
  {{- if hasKey $names $approval.name -}}
    {{- fail (printf "approvals: %s is there twice; a deployment's name is the name of its topics, so give each its own" $approval.name) -}}
  {{- end -}}
  {{- $_ := set $names $approval.name true -}}
  {{- $place := printf "%s of %s" $approval.level ($division | default "everywhere") -}}
  {{- if hasKey $places $place -}}
    {{- fail (printf "approvals: %s and %s both take the items of level %s; an item goes to one of them, so give each its own division" (get $places $place) $approval.name $place) -}}
  {{- end -}}
  {{- $_ := set $places $place $approval.name -}}
  {{- if $division -}}
    {{- $shape := dict "PROVINCE" "^[0-9]{2}0000$" "CITY" "^[0-9]{4}00$" "COUNTY" "^[0-9]{6}$" -}}
    {{- if not (regexMatch (get $shape $approval.level | default "^[0-9]{6}$") $division) -}}
      {{- fail (printf "approvals: %s is of level %s, and division %s is none of that level (GB/T 2260: a province ends with 0000, a city with 00)" $approval.name $approval.level $division) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes kafka, plan, known: whether Kafka knows who is there. */}}
{{- define "onematter.checkAcls" -}}
{{- $kafka := .kafka -}}
{{- if ne $kafka.topics.mode "job" -}}
  {{- fail (printf "kafka.acls.enabled: the job that makes the topics makes the ACLs, and kafka.topics.mode is %s; set it to job, or kafka.strimzi.users for Strimzi's" $kafka.topics.mode) -}}
{{- end -}}
{{- if $kafka.strimzi.users -}}
  {{- fail "kafka.acls.enabled and kafka.strimzi.users: Strimzi takes away what its users do not say, so one of both makes the ACLs; leave one" -}}
{{- end -}}
{{- if not .known -}}
  {{- fail (printf "kafka.acls.enabled: with kafka.securityProtocol %s Kafka knows nobody, so ACLs would be for all or none; set SASL_SSL, or give kafka.tls.clientSecret" $kafka.securityProtocol) -}}
{{- end -}}
{{- $names := list -}}
{{- range $d := .plan.deployments -}}
  {{- if not $d.wiring.brokerless -}}
  {{- $names = append $names $d.name -}}
  {{- if not (or (get $kafka.acls.principals $d.name) $d.kafka.username) -}}
    {{- fail (printf "kafka.acls.principals: as whom %s logs in stands in a secret, which the chart does not read; name it here, or give its `kafka` a username" $d.name) -}}
  {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $name := keys $kafka.acls.principals | sortAlpha -}}
  {{- if not (has $name $names) -}}
    {{- fail (printf "kafka.acls.principals.%s: there is no such deployment; there are %s" $name (join ", " $names)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes root, deployment, sasl, partitions. */}}
{{- define "onematter.checkDeployment" -}}
{{- $d := .deployment -}}
{{- $settings := $d.settings -}}
{{- $scaling := $settings.autoscaling -}}
{{- if and $d.wiring.database (not $d.database.secret) -}}
  {{- fail (printf "database.existingSecret: %s needs a database, and this chart brings none; name a secret that holds its URL, there or in its own `database`" $d.name) -}}
{{- end -}}
{{- if and .sasl (not $d.wiring.brokerless) (not $d.kafka.secret) -}}
  {{- fail (printf "kafka.existingSecret: kafka.securityProtocol %s asks %s for a user; name a secret with username and password, there or in its own `kafka`" .root.Values.kafka.securityProtocol $d.name) -}}
{{- end -}}
{{- if and $d.wiring.single (or (gt (int $settings.replicas) 1) $scaling.enabled) -}}
  {{- fail (printf "services.%s: it must be one process: %s; set replicas to 1 and autoscaling.enabled to false" $d.service $d.wiring.single) -}}
{{- end -}}
{{- if gt (int $settings.replicas) .partitions -}}
  {{- fail (printf "replicas of %s: %d of them share %d partitions, and the others would do nothing; at most kafka.topics.partitions" $d.name (int $settings.replicas) .partitions) -}}
{{- end -}}
{{- if $scaling.enabled -}}
  {{- if gt (int $scaling.maxReplicas) .partitions -}}
    {{- fail (printf "autoscaling.maxReplicas of %s: %d is more than the %d partitions that they share; at most kafka.topics.partitions" $d.name (int $scaling.maxReplicas) .partitions) -}}
  {{- end -}}
  {{- if and $scaling.maxReplicas (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
    {{- fail (printf "autoscaling of %s: minReplicas %d is more than maxReplicas %d" $d.name (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
  {{- end -}}
{{- end -}}
{{- $needed := add (int $settings.drainSeconds) (int $settings.preStopSeconds) -}}
{{- if lt (int $settings.terminationGracePeriodSeconds) (int $needed) -}}
  {{- fail (printf "terminationGracePeriodSeconds of %s: %d is less than preStopSeconds and drainSeconds together, so its step in hand would be killed; at least %d" $d.name (int $settings.terminationGracePeriodSeconds) $needed) -}}
{{- end -}}
{{- end -}}
