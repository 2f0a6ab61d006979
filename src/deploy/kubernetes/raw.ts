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
    readonly resourceFieldRef?: Maybe<RawResourceReference>;
  }>;
}

export interface RawResourceReference {
  readonly containerName?: Maybe<string>;
  readonly resource: 'limits.cpu' | 'limits.memory' | 'requests.cpu' | 'requests.memory';
  readonly divisor?: Maybe<string | number>;
}

export interface RawHook {
  readonly exec?: RawProbe['exec'];
  readonly httpGet?: RawProbe['httpGet'];
  readonly sleep?: Maybe<{ readonly seconds: number }>;
}

export interface RawProfile {
  readonly type: string;
  readonly localhostProfile?: Maybe<string>;
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
  readonly grpc?: Maybe<{ readonly port: number; readonly service?: Maybe<string> }>;
  readonly terminationGracePeriodSeconds?: Maybe<number>;
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
  readonly seccompProfile?: Maybe<RawProfile>;
  readonly appArmorProfile?: Maybe<RawProfile>;
  readonly seLinuxOptions?: Maybe<{
    readonly user?: Maybe<string>;
    readonly role?: Maybe<string>;
    readonly type?: Maybe<string>;
    readonly level?: Maybe<string>;
  }>;
  readonly capabilities?: Maybe<{ readonly add?: Maybe<readonly string[]>; readonly drop?: Maybe<readonly string[]> }>;
}

export interface RawAmounts {
  readonly cpu?: Maybe<string | number>;
  readonly memory?: Maybe<string | number>;
  readonly 'ephemeral-storage'?: Maybe<string | number>;
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
    readonly {
      readonly name: string;
      readonly mountPath: string;
      readonly readOnly?: Maybe<boolean>;
      readonly subPath?: Maybe<string>;
      readonly subPathExpr?: Maybe<string>;
    }[]
  >;
  readonly lifecycle?: Maybe<{
    readonly postStart?: Maybe<RawHook>;
    readonly preStop?: Maybe<RawHook>;
    readonly stopSignal?: Maybe<string>;
  }>;
  readonly restartPolicy?: Maybe<string>;
  readonly stdin?: Maybe<boolean>;
  readonly tty?: Maybe<boolean>;
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

export interface RawDownwardFile {
  readonly path: string;
  readonly mode?: Maybe<number>;
  readonly fieldRef?: Maybe<{ readonly fieldPath: string }>;
  readonly resourceFieldRef?: Maybe<RawResourceReference>;
}

export interface RawVolume {
  readonly name: string;
  readonly configMap?: Maybe<RawContentVolume & { readonly name: string }>;
  readonly secret?: Maybe<RawContentVolume & { readonly secretName: string }>;
  readonly emptyDir?: Maybe<{ readonly medium?: Maybe<string>; readonly sizeLimit?: Maybe<string | number> }>;
  readonly downwardAPI?: Maybe<{
    readonly items?: Maybe<readonly RawDownwardFile[]>;
    readonly defaultMode?: Maybe<number>;
  }>;
  readonly projected?: Maybe<{
    readonly defaultMode?: Maybe<number>;
    readonly sources: readonly {
      readonly configMap?: Maybe<RawContentVolume & { readonly name: string }>;
      readonly secret?: Maybe<RawContentVolume & { readonly name: string }>;
      readonly downwardAPI?: Maybe<{ readonly items?: Maybe<readonly RawDownwardFile[]> }>;
    }[];
  }>;
  readonly persistentVolumeClaim?: Maybe<{ readonly claimName: string; readonly readOnly?: Maybe<boolean> }>;
}

export interface RawPodSpec {
  readonly containers: readonly RawContainer[];
  readonly initContainers?: Maybe<readonly RawContainer[]>;
  readonly volumes?: Maybe<readonly RawVolume[]>;
  readonly terminationGracePeriodSeconds?: Maybe<number>;
  readonly securityContext?: Maybe<RawPodSecurity>;
  readonly restartPolicy?: Maybe<'Always' | 'OnFailure' | 'Never'>;
  readonly activeDeadlineSeconds?: Maybe<number>;
  readonly hostname?: Maybe<string>;
  readonly subdomain?: Maybe<string>;
  readonly hostAliases?: Maybe<readonly { readonly ip: string; readonly hostnames?: Maybe<readonly string[]> }[]>;
  readonly dnsPolicy?: Maybe<string>;
  readonly dnsConfig?: Maybe<{
    readonly nameservers?: Maybe<readonly string[]>;
    readonly searches?: Maybe<readonly string[]>;
    readonly options?: Maybe<readonly { readonly name: string; readonly value?: Maybe<string> }[]>;
  }>;
  readonly shareProcessNamespace?: Maybe<boolean>;
  readonly runtimeClassName?: Maybe<string>;
  readonly hostUsers?: Maybe<boolean>;
  readonly topologySpreadConstraints?: Maybe<readonly object[]>;
}

export interface RawPodSecurity extends RawSecurity {
  readonly fsGroup?: Maybe<number>;
  readonly fsGroupChangePolicy?: Maybe<'Always' | 'OnRootMismatch'>;
  readonly supplementalGroups?: Maybe<readonly number[]>;
  readonly sysctls?: Maybe<readonly { readonly name: string; readonly value: string }[]>;
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
    readonly paused?: Maybe<boolean>;
  };
}

export interface RawTemplate {
  /** Left out by jobs alone. */
  readonly metadata?: Maybe<Omit<RawMetadata, 'name'>>;
  readonly spec: RawPodSpec;
}

export interface RawStatefulSet {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly replicas?: Maybe<number>;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly serviceName?: Maybe<string>;
    readonly template: RawTemplate;
    readonly podManagementPolicy?: Maybe<'OrderedReady' | 'Parallel'>;
    readonly updateStrategy?: Maybe<{
      readonly type?: Maybe<'RollingUpdate' | 'OnDelete'>;
      readonly rollingUpdate?: Maybe<{
        readonly partition?: Maybe<number>;
        readonly maxUnavailable?: Maybe<number | `${number}%`>;
      }>;
    }>;
    readonly ordinals?: Maybe<{ readonly start?: Maybe<number> }>;
    readonly volumeClaimTemplates?: Maybe<readonly RawClaim[]>;
    readonly minReadySeconds?: Maybe<number>;
  };
}

export interface RawDaemonSet {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: RawTemplate;
    readonly updateStrategy?: Maybe<{
      readonly type?: Maybe<'RollingUpdate' | 'OnDelete'>;
      readonly rollingUpdate?: Maybe<{
        readonly maxSurge?: Maybe<number | `${number}%`>;
        readonly maxUnavailable?: Maybe<number | `${number}%`>;
      }>;
    }>;
    readonly minReadySeconds?: Maybe<number>;
  };
}

export interface RawJobSpec {
  readonly template: RawTemplate;
  readonly completions?: Maybe<number>;
  readonly parallelism?: Maybe<number>;
  readonly backoffLimit?: Maybe<number>;
  readonly activeDeadlineSeconds?: Maybe<number>;
  readonly ttlSecondsAfterFinished?: Maybe<number>;
  readonly completionMode?: Maybe<'NonIndexed' | 'Indexed'>;
  readonly suspend?: Maybe<boolean>;
  readonly backoffLimitPerIndex?: Maybe<number>;
  readonly maxFailedIndexes?: Maybe<number>;
  readonly podFailurePolicy?: Maybe<{
    readonly rules: readonly {
      readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
      readonly onExitCodes?: Maybe<{
        readonly operator: 'In' | 'NotIn';
        readonly values: readonly number[];
        readonly containerName?: Maybe<string>;
      }>;
    }[];
  }>;
  readonly successPolicy?: Maybe<{
    readonly rules: readonly { readonly succeededIndexes?: Maybe<string>; readonly succeededCount?: Maybe<number> }[];
  }>;
}

export interface RawJob {
  readonly metadata: RawMetadata;
  readonly spec: RawJobSpec;
}

export interface RawCronJob {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly schedule: string;
    readonly timeZone?: Maybe<string>;
    readonly concurrencyPolicy?: Maybe<'Allow' | 'Forbid' | 'Replace'>;
    readonly startingDeadlineSeconds?: Maybe<number>;
    readonly successfulJobsHistoryLimit?: Maybe<number>;
    readonly failedJobsHistoryLimit?: Maybe<number>;
    readonly suspend?: Maybe<boolean>;
    readonly jobTemplate: { readonly spec: RawJobSpec };
  };
}

export interface RawPod {
  readonly metadata: RawMetadata;
  readonly spec: RawPodSpec;
}

export interface RawService {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly selector?: Maybe<Readonly<Record<string, string>>>;
    readonly publishNotReadyAddresses?: Maybe<boolean>;
    readonly ipFamilyPolicy?: Maybe<'SingleStack' | 'PreferDualStack'>;
    readonly ipFamilies?: Maybe<readonly ('IPv4' | 'IPv6')[]>;
    /** ExternalName stays there, refused. */
    readonly type?: Maybe<'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'>;
    readonly clusterIP?: Maybe<string>;
    readonly sessionAffinity?: Maybe<'None' | 'ClientIP'>;
    readonly loadBalancerSourceRanges?: Maybe<readonly string[]>;
    readonly ports?: Maybe<
      readonly {
        readonly appProtocol?: Maybe<string>;
        readonly nodePort?: Maybe<number>;
        readonly name?: Maybe<string>;
        readonly port: number;
        readonly targetPort?: Maybe<number | string>;
        readonly protocol?: Maybe<'TCP' | 'UDP'>;
      }[]
    >;
  };
}

export interface RawIngress {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly rules?: Maybe<
      readonly {
        readonly host?: Maybe<string>;
        readonly http?: Maybe<{
          readonly paths: readonly {
            readonly path?: Maybe<string>;
            readonly pathType: 'Prefix' | 'Exact' | 'ImplementationSpecific';
            readonly backend: RawBackend;
          }[];
        }>;
      }[]
    >;
    readonly defaultBackend?: Maybe<RawBackend>;
  };
}

export interface RawBackend {
  readonly service: {
    readonly name: string;
    readonly port: { readonly number?: Maybe<number>; readonly name?: Maybe<string> };
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
  /** Of a Secret. */
  readonly type?: Maybe<string>;
}

export interface RawClaim {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string | number } };
    readonly storageClassName?: Maybe<string>;
  };
}

export interface RawScalingRules {
  readonly policies?: Maybe<
    readonly { readonly type: 'Pods' | 'Percent'; readonly value: number; readonly periodSeconds: number }[]
  >;
  readonly selectPolicy?: Maybe<'Max' | 'Min' | 'Disabled'>;
  readonly stabilizationWindowSeconds?: Maybe<number>;
  readonly tolerance?: Maybe<string | number>;
}

export interface RawResourceMetric {
  readonly name: 'cpu' | 'memory';
  readonly container?: Maybe<string>;
  readonly target: {
    readonly type: 'Utilization' | 'AverageValue';
    readonly averageUtilization?: Maybe<number>;
    readonly averageValue?: Maybe<string | number>;
  };
}

export interface RawHorizontal {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string };
    readonly minReplicas?: Maybe<number>;
    readonly maxReplicas: number;
    readonly metrics?: Maybe<
      readonly {
        readonly type: 'Resource' | 'ContainerResource';
        readonly resource?: Maybe<RawResourceMetric>;
        readonly containerResource?: Maybe<RawResourceMetric>;
      }[]
    >;
    readonly behavior?: Maybe<{
      readonly scaleUp?: Maybe<RawScalingRules>;
      readonly scaleDown?: Maybe<RawScalingRules>;
    }>;
  };
}

export interface RawVertical {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly targetRef: { readonly kind: string; readonly name: string };
    readonly updatePolicy?: Maybe<{
      readonly updateMode?: Maybe<'Off' | 'Initial' | 'Recreate' | 'Auto' | 'InPlaceOrRecreate' | 'InPlace'>;
      readonly minReplicas?: Maybe<number>;
      readonly evictionRequirements?: Maybe<
        readonly {
          readonly resources: readonly ('cpu' | 'memory')[];
          readonly changeRequirement: 'TargetHigherThanRequests' | 'TargetLowerThanRequests';
        }[]
      >;
    }>;
    readonly resourcePolicy?: Maybe<{
      readonly containerPolicies?: Maybe<
        readonly {
          readonly containerName?: Maybe<string>;
          readonly mode?: Maybe<'Auto' | 'Off'>;
          readonly minAllowed?: Maybe<RawBounds>;
          readonly maxAllowed?: Maybe<RawBounds>;
          readonly controlledResources?: Maybe<readonly ('cpu' | 'memory')[]>;
          readonly controlledValues?: Maybe<'RequestsAndLimits' | 'RequestsOnly'>;
        }[]
      >;
    }>;
  };
}

export interface RawBounds {
  readonly cpu?: Maybe<string | number>;
  readonly memory?: Maybe<string | number>;
}

export interface RawBudget {
  readonly metadata: RawMetadata;
  readonly spec: {
    readonly selector: RawSelector;
    readonly minAvailable?: Maybe<number | `${number}%`>;
    readonly maxUnavailable?: Maybe<number | `${number}%`>;
    readonly unhealthyPodEvictionPolicy?: Maybe<'IfHealthyBudget' | 'AlwaysAllow'>;
  };
}
