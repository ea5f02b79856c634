{{/* The pod of a job that runs `octavo register`; called with a dict of root, arguments and component. */}}
{{- define "octavo.registerJob" -}}
{{- $root := .root -}}
{{- with $root -}}
spec:
  backoffLimit: {{ .Values.kfp.register.backoffLimit }}
  activeDeadlineSeconds: {{ .Values.kfp.register.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels:
        {{- include "octavo.labels" . | nindent 8 }}
        app.kubernetes.io/component: register
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "octavo.serviceAccountName" . }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext: {{- toYaml .Values.podSecurityContext | nindent 8 }}
      {{- with include "octavo.pullSecrets" . }}
      imagePullSecrets: {{- trim . | nindent 8 }}
      {{- end }}
      containers:
        - name: register
          image: {{ include "octavo.registerImage" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          command: [octavo, register]
          args:
            - --registration=/etc/octavo/release/registration.yaml
            {{- if eq .Values.mode "kfp" }}
            - --pipeline-file=/etc/octavo/release/pipeline.yaml
            {{- end }}
            - --host={{ .Values.kfp.host }}
            - --wait={{ .Values.kfp.register.waitSeconds }}
            {{- with .Values.kfp.namespace }}
            - --namespace={{ . }}
            {{- end }}
            {{- if .Values.kfp.token.enabled }}
            - --token-file=/var/run/secrets/kubeflow/pipelines/token
            {{- end }}
            {{- range $.arguments }}
            - {{ . }}
            {{- end }}
          {{- with include "octavo.siteVariables" . }}
          env: {{- trim . | nindent 12 }}
          {{- end }}
          resources: {{- toYaml .Values.kfp.register.resources | nindent 12 }}
          securityContext: {{- toYaml .Values.securityContext | nindent 12 }}
          volumeMounts:
            - name: release
              mountPath: /etc/octavo/release
              readOnly: true
            - name: tmp
              mountPath: /tmp
            {{- if .Values.kfp.token.enabled }}
            - name: token
              mountPath: /var/run/secrets/kubeflow/pipelines
              readOnly: true
            {{- end }}
            {{- with include "octavo.caMount" . }}{{- trim . | nindent 12 }}{{- end }}
      volumes:
        - name: release
          configMap: {name: {{ include "octavo.fullname" . }}-pipeline}
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
        {{- if .Values.kfp.token.enabled }}
        - name: token
          projected:
            sources:
              - serviceAccountToken:
                  path: token
                  audience: {{ .Values.kfp.token.audience }}
                  expirationSeconds: {{ .Values.kfp.token.expirationSeconds }}
        {{- end }}
        {{- with include "octavo.caVolume" . }}{{- trim . | nindent 8 }}{{- end }}
{{- end -}}
{{- end -}}
