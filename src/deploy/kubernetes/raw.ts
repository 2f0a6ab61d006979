/**
 * The kinds as `checkDocument` leaves them: every value has its shape, nothing unknown or refused is in them.
 * A member that was not written, or was null, is undefined or null.
 */
type Maybe<T> = T | null | undefined;

export interface RawMetadata {
  readonly name: string;
  readonly labels?: Maybe<Readonly<Record<string, string>>>;
  readonly annotations?: Maybe<Readonly<Record<string, string>>>;
}

export interface RawReference {
  readonly name: string;
  readonly key: string;
  readonly optional?: Maybe<boolean>;
}

export interface RawEnv {
  readonly name: string;
  readonly value?: Maybe<string>;
  readonly valueFrom?: Maybe<{
    readonly configMapKeyRef?: Maybe<RawReference>;
    readonly secretKeyRef?: Maybe<RawReference>;
    readonly fieldRef?: Maybe<{ readonly fieldPath: string }>;
  }>;
}

export interface RawProbe {
  readonly exec?: Maybe<{ readonly command: readonly string[] }>;
  readonly httpGet?: Maybe<{
    readonly path?: Maybe<string>;
    readonly port: number | string;
    readonly scheme?: Maybe<'HTTP' | 'HTTPS'>;
    readonly httpHeaders?: Maybe<readonly { readonly name: string; readonly value: string }[]>;
  }>;
  readonly tcpSocket?: Maybe<{ readonly port: number | string }>;
  readonly initialDelaySeconds?: Maybe<number>;
  readonly periodSeconds?: Maybe<number>;
  readonly timeoutSeconds?: Maybe<number>;
  readonly successThreshold?: Maybe<number>;
  readonly failureThreshold?: Maybe<number>;
}

export interface RawSecurity {
  readonly runAsUser?: Maybe<number>;
  readonly runAsGroup?: Maybe<number>;
  readonly runAsNonRoot?: Maybe<boolean>;
  readonly readOnlyRootFilesystem?: Maybe<boolean>;
  readonly allowPrivilegeEscalation?: Maybe<boolean>;
  readonly capabilities?: Maybe<{ readonly add?: Maybe<readonly string[]>; readonly drop?: Maybe<readonly string[]> }>;
}

export interface RawAmounts {
  readonly cpu?: Maybe<string | number>;
  readonly memory?: Maybe<string | number>;
}

export interface RawContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: Maybe<readonly string[]>;
  readonly args?: Maybe<readonly string[]>;
  readonly workingDir?: Maybe<string>;
  readonly env?: Maybe<readonly RawEnv[]>;
  readonly envFrom?: Maybe<
    readonly {
      readonly prefix?: Maybe<string>;
      readonly configMapRef?: Maybe<{ readonly name: string; readonly optional?: Maybe<boolean> }>;
      readonly secretRef?: Maybe<{ readonly name: string; readonly optional?: Maybe<boolean> }>;
    }[]
  >;
  readonly ports?: Maybe<
    readonly {
      readonly name?: Maybe<string>;
      readonly containerPort: number;
      readonly protocol?: Maybe<'TCP' | 'UDP'>;
    }[]
  >;
  readonly resources?: Maybe<{ readonly limits?: Maybe<RawAmounts>; readonly requests?: Maybe<RawAmounts> }>;
  readonly volumeMounts?: Maybe<
    readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: Maybe<boolean> }[]
  >;
  readonly startupProbe?: Maybe<RawProbe>;
  readonly readinessProbe?: Maybe<RawProbe>;
  readonly livenessProbe?: Maybe<RawProbe>;
  readonly securityContext?: Maybe<RawSecurity>;
}

export interface RawContentVolume {
  readonly defaultMode?: Maybe<number>;
  readonly optional?: Maybe<boolean>;
  readonly items?: Maybe<readonly { readonly key: string; readonly path: string; readonly mode?: Maybe<number> }[]>;
}

export interface RawVolume {
  readonly name: string;
  readonly configMap?: Maybe<RawContentVolume & { readonly name: string }>;
  readonly secret?: Maybe<RawContentVolume & { readonly secretName: string }>;
  readonly emptyDir?: Maybe<object>;
  readonly persistentVolumeClaim?: Maybe<{ readonly claimName: string; readonly readOnly?: Maybe<boolean> }>;
}

export interface RawPodSpec {
  readonly containers: readonly RawContainer[];
  readonly initContainers?: Maybe<readonly RawContainer[]>;
  readonly volumes?: Maybe<readonly RawVolume[]>;
  readonly terminationGracePeriodSeconds?: Maybe<number>;
  readonly securityContext?: Maybe<RawSecurity>;
}

export interface RawDeployment {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly replicas?: Maybe<number>;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: { readonly metadata: Omit<RawMetadata, 'name'>; readonly spec: RawPodSpec };
    readonly strategy?: Maybe<{
      readonly type?: Maybe<'RollingUpdate' | 'Recreate'>;
      readonly rollingUpdate?: Maybe<{
        readonly maxSurge?: Maybe<number | `${number}%`>;
        readonly maxUnavailable?: Maybe<number | `${number}%`>;
      }>;
    }>;
    readonly minReadySeconds?: Maybe<number>;
    readonly progressDeadlineSeconds?: Maybe<number>;
  };
}

export interface RawPod {
  readonly metadata: RawMetadata;
  readonly spec: RawPodSpec;
}

export interface RawService {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly {
      readonly name?: Maybe<string>;
      readonly port: number;
      readonly targetPort?: Maybe<number | string>;
      readonly protocol?: Maybe<'TCP' | 'UDP'>;
    }[];
  };
}

export interface RawIngress {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly rules: readonly {
      readonly host?: Maybe<string>;
      readonly http: {
        readonly paths: readonly {
          readonly path?: Maybe<string>;
          readonly pathType: 'Prefix' | 'Exact';
          readonly backend: {
            readonly service: {
              readonly name: string;
              readonly port: { readonly number?: Maybe<number>; readonly name?: Maybe<string> };
            };
          };
        }[];
      };
    }[];
  };
}

export interface RawSelector {
  readonly matchLabels?: Maybe<Readonly<Record<string, string>>>;
  readonly matchExpressions?: Maybe<
    readonly {
      readonly key: string;
      readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
      readonly values?: Maybe<readonly string[]>;
    }[]
  >;
}

export interface RawPeer {
  readonly podSelector?: Maybe<RawSelector>;
  readonly namespaceSelector?: Maybe<RawSelector>;
  readonly ipBlock?: Maybe<{ readonly cidr: string; readonly except?: Maybe<readonly string[]> }>;
}

export interface RawPolicyPort {
  readonly port?: Maybe<number | string>;
  readonly endPort?: Maybe<number>;
  readonly protocol?: Maybe<'TCP' | 'UDP' | 'SCTP'>;
}

export interface RawNetworkPolicy {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly podSelector: RawSelector;
    readonly policyTypes?: Maybe<readonly ('Ingress' | 'Egress')[]>;
    readonly ingress?: Maybe<
      readonly { readonly from?: Maybe<readonly RawPeer[]>; readonly ports?: Maybe<readonly RawPolicyPort[]> }[]
    >;
    readonly egress?: Maybe<
      readonly { readonly to?: Maybe<readonly RawPeer[]>; readonly ports?: Maybe<readonly RawPolicyPort[]> }[]
    >;
  };
}

export interface RawContent {
  readonly metadata: RawMetadata;
  readonly data?: Maybe<Readonly<Record<string, string>>>;
  readonly binaryData?: Maybe<Readonly<Record<string, string>>>;
  readonly stringData?: Maybe<Readonly<Record<string, string>>>;
}

export interface RawClaim {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string | number } };
  };
}
