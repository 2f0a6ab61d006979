import type { Text } from '../../../system/index.ts';
import {
  allRefused,
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Kind,
  list,
  object,
  refused,
  required,
  type Shape,
  TEXT,
} from '../schema.ts';
import {
  ABSOLUTE_PATH,
  ANNOTATIONS,
  HEAD,
  LABEL_NAME,
  LABELS,
  metadata,
  ONE_DOMAIN,
  PORT_NUMBER,
  QUALIFIED_NAME,
} from './common.ts';

const PUBLISH: Text = { en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' };
const ONE_FAMILY: Text = {
  en: 'networks of pods have IPv4 addresses',
  es: 'las redes de pods tienen direcciones IPv4',
};
const STAYS: Text = {
  en: 'each pod asks the replicas in an order of its own that stays; at the edge every request is balanced by itself',
  es: 'cada pod pregunta a las réplicas en un orden propio que se mantiene; en el borde cada petición se reparte por separado',
};

export const SERVICE: Kind = {
  kind: 'Service',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('Service', 'v1'),
    metadata: metadata(),
    spec: required(
      object({
        type: enforced(
          choice(['ClusterIP'], {
            NodePort: { en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' },
            LoadBalancer: { en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' },
            ExternalName: {
              en: 'a workload asks for the outer name itself',
              es: 'la carga de trabajo pregunta por el nombre externo',
            },
          }),
        ),
        selector: required(LABELS),
        ports: required(
          list(
            object({
              name: enforced(LABEL_NAME),
              port: required(PORT_NUMBER),
              targetPort: emulated(
                { kind: 'port' },
                {
                  en: 'where it differs from port, connections are redirected inside the pod',
                  es: 'donde difiere de port, las conexiones se redirigen dentro del pod',
                },
              ),
              protocol: enforced(
                choice(['TCP', 'UDP'], { SCTP: { en: 'TCP and UDP are carried', es: 'se transportan TCP y UDP' } }),
              ),
              appProtocol: emulated(TEXT, {
                en: 'carried along; the edge speaks HTTP with what an Ingress names',
                es: 'se conserva; el borde habla HTTP con lo que nombra un Ingress',
              }),
              nodePort: refused({ en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' }),
            }),
            { least: 1 },
          ),
        ),
        clusterIP: enforced(choice(['None', ''])),
        clusterIPs: refused({
          en: 'names resolve to the pods themselves, so a service has no address of its own',
          es: 'los nombres resuelven a los propios pods, así que un servicio no tiene dirección propia',
        }),
        sessionAffinity: emulated(choice(['None', 'ClientIP']), STAYS),
        sessionAffinityConfig: refused({
          en: 'an order that stays has no time after which it changes',
          es: 'un orden que se mantiene no tiene un plazo tras el que cambie',
        }),
        publishNotReadyAddresses: enforced(BOOLEAN),
        internalTrafficPolicy: emulated(choice(['Cluster', 'Local']), ONE_DOMAIN),
        trafficDistribution: emulated(TEXT, ONE_DOMAIN),
        ipFamilyPolicy: refused(ONE_FAMILY, 'SingleStack'),
        ipFamilies: refused(ONE_FAMILY),
        externalName: refused({
          en: 'a workload asks for the outer name itself',
          es: 'la carga de trabajo pregunta por el nombre externo',
        }),
        ...allRefused(PUBLISH, [
          'allocateLoadBalancerNodePorts',
          'externalIPs',
          'externalTrafficPolicy',
          'healthCheckNodePort',
          'loadBalancerClass',
          'loadBalancerIP',
          'loadBalancerSourceRanges',
        ]),
      }),
    ),
  }),
};

export const INGRESS: Kind = {
  kind: 'Ingress',
  apiVersion: 'networking.k8s.io/v1',
  shape: object({
    ...HEAD('Ingress', 'networking.k8s.io/v1'),
    // Annotations of an Ingress steer other controllers; to carry them along would be to drop what they ask for.
    metadata: metadata(
      refused({
        en: 'no annotation of an Ingress has an effect here',
        es: 'ninguna anotación de un Ingress tiene efecto aquí',
      }),
    ),
    spec: required(
      object({
        rules: required(
          list(
            object({
              host: enforced({
                kind: 'text',
                pattern:
                  /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/,
                meaning: { en: 'a host name without wildcard', es: 'un nombre de host sin comodín' },
              }),
              http: required(
                object({
                  paths: required(
                    list(
                      object({
                        path: enforced(ABSOLUTE_PATH),
                        pathType: required(
                          choice(['Prefix', 'Exact'], {
                            ImplementationSpecific: { en: 'say Prefix or Exact', es: 'decir Prefix o Exact' },
                          }),
                        ),
                        backend: required(
                          object({
                            service: required(
                              object({
                                name: required(LABEL_NAME),
                                port: required(
                                  object({ number: enforced(PORT_NUMBER), name: enforced(LABEL_NAME) }, [
                                    'number',
                                    'name',
                                  ]),
                                ),
                              }),
                            ),
                            resource: refused({ en: 'a path leads to a Service', es: 'una ruta lleva a un Service' }),
                          }),
                        ),
                      }),
                      { least: 1 },
                    ),
                  ),
                }),
              ),
            }),
            { least: 1 },
          ),
        ),
        tls: refused({
          en: 'the edge serves every route over TLS with its own certificate',
          es: 'el borde sirve toda ruta por TLS con su propio certificado',
        }),
        ingressClassName: refused({ en: 'there is one edge', es: 'hay un solo borde' }, 'darsena'),
        defaultBackend: refused({ en: 'say it as a rule with the path /', es: 'decirlo como una regla con la ruta /' }),
      }),
    ),
  }),
};

export const LABEL_SELECTOR: Shape = object({
  matchLabels: enforced(LABELS),
  matchExpressions: enforced(
    list(
      object({
        key: required({
          kind: 'text',
          pattern: QUALIFIED_NAME,
          meaning: { en: 'a label name', es: 'un nombre de etiqueta' },
        }),
        operator: required(choice(['In', 'NotIn', 'Exists', 'DoesNotExist'])),
        values: enforced(list(TEXT)),
      }),
    ),
  ),
});

const PEERS: Shape = list(
  object({
    podSelector: enforced(LABEL_SELECTOR),
    namespaceSelector: emulated(LABEL_SELECTOR, {
      en: 'each environment is a namespace: kubernetes.io/metadata.name is PROJECT-ENVIRONMENT, and project and environment are labels',
      es: 'cada entorno es un espacio de nombres: kubernetes.io/metadata.name es PROYECTO-ENTORNO, y project y environment son etiquetas',
    }),
    ipBlock: emulated(
      object({
        cidr: required({
          kind: 'text',
          pattern: /^[0-9a-fA-F.:]+\/[0-9]{1,3}$/,
          meaning: { en: 'a block of addresses such as 10.0.0.0/8', es: 'un bloque de direcciones como 10.0.0.0/8' },
        }),
        except: enforced(list(TEXT)),
      }),
      {
        en: 'connections from outside come through the edge, from the host, which is always let in',
        es: 'las conexiones de fuera llegan por el borde, desde el host, que siempre puede entrar',
      },
    ),
  }),
);

const POLICY_PORTS: Shape = list(
  object({
    port: enforced({ kind: 'port' }),
    endPort: enforced(PORT_NUMBER),
    protocol: enforced(choice(['TCP', 'UDP', 'SCTP'])),
  }),
);

export const NETWORK_POLICY: Kind = {
  kind: 'NetworkPolicy',
  apiVersion: 'networking.k8s.io/v1',
  shape: object({
    ...HEAD('NetworkPolicy', 'networking.k8s.io/v1'),
    metadata: metadata(
      emulated(ANNOTATIONS, {
        en: 'darsena/egress-names lists the DNS names that may be reached (api.example.org:443, *.debian.org); others are carried along',
        es: 'darsena/egress-names enumera los nombres DNS alcanzables (api.example.org:443, *.debian.org); las demás se conservan',
      }),
    ),
    spec: required(
      object({
        podSelector: required(LABEL_SELECTOR),
        policyTypes: enforced(list(choice(['Ingress', 'Egress']))),
        ingress: enforced(list(object({ from: enforced(PEERS), ports: enforced(POLICY_PORTS) }))),
        egress: enforced(list(object({ to: enforced(PEERS), ports: enforced(POLICY_PORTS) }))),
      }),
    ),
  }),
};
