import { EDGE_HOST, EDGE_PATH, isNetwork, ROUTE_ANNOTATIONS } from '../../../network/index.ts';
import type { Json, Text } from '../../../system/index.ts';
import {
  allRefused,
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  integerOrNone,
  type Kind,
  list,
  object,
  orRecord,
  refused,
  required,
  type Shape,
  TEXT,
  withRest,
} from '../schema.ts';
import {
  ANNOTATIONS,
  CARRIED,
  HEAD,
  LABEL_NAME,
  LABELS,
  metadata,
  OBJECT_NAME,
  ONE_DOMAIN,
  PORT_NUMBER,
  QUALIFIED_NAME,
  RECORD,
} from './common.ts';

const FAMILIES: Text = {
  en: 'names mean IPv4 addresses of pods; with PreferDualStack their IPv6 ones as well, on hosts whose networks of pods have it',
  es: 'los nombres indican direcciones IPv4 de los pods; con PreferDualStack también las IPv6, en hosts cuyas redes de pods las tienen',
};
const HOST_DECIDES: Text = {
  en: 'whether pods have IPv6 is of the host; PreferDualStack takes both where it has both',
  es: 'que los pods tengan IPv6 depende del host; PreferDualStack toma ambas donde las hay',
};
const NO_ADDRESS: Text = {
  en: 'names resolve to the pods themselves, so a service has no address of its own; None is what it is anyway',
  es: 'los nombres resuelven a los propios pods, así que un servicio no tiene dirección propia; None es lo que es de todos modos',
};
const OTHER_ADDRESS: Text = {
  en: 'the address that it had in the cluster it was read from; here its name resolves to the pods themselves, and whoever asked for the number asks for the name',
  es: 'la dirección que tenía en el clúster del que se leyó; aquí su nombre resuelve a los propios pods, y quien preguntaba por el número pregunta por el nombre',
};
const OTHER_FAMILIES: Text = {
  en: 'the families of addresses that it had in the cluster it was read from; here names mean IPv4 addresses, and with PreferDualStack IPv6 ones as well',
  es: 'las familias de direcciones que tenía en el clúster del que se leyó; aquí los nombres indican direcciones IPv4 y, con PreferDualStack, también IPv6',
};
const NO_PORT_BESIDE: Text = {
  en: 'the port of the service itself is opened, so it has no nodePort beside it',
  es: 'se abre el propio puerto del servicio, así que no tiene además un nodePort',
};

function typeOfService(document: Json): Json {
  const { spec } = Object(document) as { spec?: Json };
  return (Object(spec) as { type?: Json }).type ?? 'ClusterIP';
}

const STAYS: Text = {
  en: 'each pod asks the replicas in an order of its own that stays; at the edge ClientIP lets the address of a client choose the replica',
  es: 'cada pod pregunta a las réplicas en un orden propio que se mantiene; en el borde, con ClientIP la dirección del cliente elige la réplica',
};
const ONE_CLASS: Text = {
  en: 'there is one edge, which takes what names no class: leave it out, or write darsena',
  es: 'hay un solo borde, que toma lo que no nombra clase alguna: omitirlo, o escribir darsena',
};
const ONE_EDGE: Text = {
  en: 'there is one edge, with the addresses of its host',
  es: 'hay un solo borde, con las direcciones de su host',
};
const NO_NEED: Text = {
  en: 'the edge knows by itself where ready replicas are',
  es: 'el borde sabe por sí mismo dónde hay réplicas disponibles',
};

/** Annotations of the platform's own name are known or refused; what others wrote for themselves is carried along. */
const SERVICE_ANNOTATIONS = withRest(emulated(TEXT, CARRIED), {
  'darsena/proxy-protocol': emulated(choice(['v2']), {
    en: 'a TCP service learns the address of each client by the PROXY protocol, version 2',
    es: 'un servicio TCP conoce la dirección de cada cliente por el protocolo PROXY, versión 2',
  }),
  'darsena/tls': emulated(choice(['terminate']), {
    en: 'the edge ends TLS of a TCP service with its certificates; replicas get what was inside',
    es: 'el borde termina el TLS de un servicio TCP con sus certificados; las réplicas reciben lo que había dentro',
  }),
});

/** What kubectl, Helm and others write down for themselves: it steers nothing. */
const RECORDED_ANNOTATIONS: readonly string[] = [
  'argocd.argoproj.io/tracking-id',
  'description',
  'field.cattle.io/publicEndpoints',
  'helm.sh/hook',
  'helm.sh/hook-delete-policy',
  'helm.sh/hook-weight',
  'helm.sh/resource-policy',
  'kubectl.kubernetes.io/last-applied-configuration',
  'kubernetes.io/description',
  'meta.helm.sh/release-name',
  'meta.helm.sh/release-namespace',
];

const BY_CERTIFICATE: Text = {
  en: 'certificates of the edge come from the platform’s authority, from a file or by ACME: darsena certificate; leave it out',
  es: 'los certificados del borde vienen de la autoridad de la plataforma, de un archivo o por ACME: darsena certificate; omitirla',
};
const ALWAYS_TLS: Text = {
  en: 'the edge sends everybody on to TLS, without exception: leave it out',
  es: 'el borde lleva a todos a TLS, sin excepción: omitirla',
};
const INSTEAD = (name: string): Text => ({
  en: `at this edge that is ${name} (darsena explain Ingress.metadata.annotations)`,
  es: `en este borde eso es ${name} (darsena explain Ingress.metadata.annotations)`,
});

/** What charts write most for other controllers, each with what does the same here. */
const FOREIGN_ANNOTATIONS: Readonly<Record<string, Field>> = {
  'cert-manager.io/cluster-issuer': refused(BY_CERTIFICATE),
  'cert-manager.io/issuer': refused(BY_CERTIFICATE),
  'kubernetes.io/ingress.class': refused(ONE_CLASS, 'darsena'),
  'kubernetes.io/tls-acme': refused(BY_CERTIFICATE, 'false'),
  'nginx.ingress.kubernetes.io/affinity': refused(INSTEAD('darsena/sticky')),
  'nginx.ingress.kubernetes.io/force-ssl-redirect': refused(ALWAYS_TLS, 'true'),
  'nginx.ingress.kubernetes.io/limit-rps': refused(INSTEAD('darsena/rate-limit')),
  'nginx.ingress.kubernetes.io/proxy-body-size': refused(INSTEAD('darsena/body-limit')),
  'nginx.ingress.kubernetes.io/proxy-read-timeout': refused(INSTEAD('darsena/answer-timeout')),
  'nginx.ingress.kubernetes.io/ssl-redirect': refused(ALWAYS_TLS, 'true'),
  'nginx.ingress.kubernetes.io/whitelist-source-range': refused(INSTEAD('darsena/allow-networks')),
};

/** Annotations of an Ingress steer other controllers; to carry those along would be to drop what they ask for. */
const INGRESS_ANNOTATIONS = withRest(
  refused({
    en: 'the edge has no such annotation; those that it knows begin with darsena/ (darsena explain Ingress.metadata.annotations)',
    es: 'el borde no tiene esa anotación; las que conoce empiezan por darsena/ (darsena explain Ingress.metadata.annotations)',
  }),
  Object.fromEntries([
    ...ROUTE_ANNOTATIONS.map(({ name, how, meaning, read }) => [
      name,
      emulated({ kind: 'text', accepts: (text) => read(text) !== null, meaning }, how),
    ]),
    ...RECORDED_ANNOTATIONS.map((name) => [name, emulated(TEXT, CARRIED)]),
    ...Object.entries(FOREIGN_ANNOTATIONS),
  ]),
);

export const SERVICE: Kind = {
  kind: 'Service',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('Service', 'v1'),
    metadata: metadata(emulated(SERVICE_ANNOTATIONS, CARRIED)),
    spec: required(
      object({
        type: emulated(
          choice(['ClusterIP', 'NodePort', 'LoadBalancer'], {
            ExternalName: {
              en: 'names outside are not given another one here: write this name where the workload is configured, and leave the Service out',
              es: 'aquí los nombres externos no reciben otro: escribir este nombre donde se configura la carga de trabajo, y omitir el Service',
            },
          }),
          {
            en: 'LoadBalancer opens the port of the service at the edge, NodePort its nodePort (one of 30000 to 32767 that stays, when none is written); TCP only',
            es: 'LoadBalancer abre en el borde el puerto del servicio; NodePort, su nodePort (uno estable entre 30000 y 32767 si no se escribe); solo TCP',
          },
        ),
        // That it is there, and says something: `readService`.
        selector: enforced(LABELS),
        // Whether it may go without: `readService`.
        ports: enforced(
          list(
            object({
              name: enforced(LABEL_NAME),
              port: required(PORT_NUMBER),
              targetPort: emulated(
                { kind: 'port', none: 0 },
                {
                  en: 'where it differs from port, connections are redirected inside the pod',
                  es: 'donde difiere de port, las conexiones se redirigen dentro del pod',
                },
              ),
              protocol: enforced(
                choice(['TCP', 'UDP'], { SCTP: { en: 'TCP and UDP are carried', es: 'se transportan TCP y UDP' } }),
              ),
              appProtocol: emulated(TEXT, {
                en: 'kubernetes.io/h2c and grpc: the edge speaks HTTP/2 without TLS to the replicas; otherwise HTTP/1.1, which carries kubernetes.io/ws too',
                es: 'kubernetes.io/h2c y grpc: el borde habla HTTP/2 sin TLS con las réplicas; si no, HTTP/1.1, que también lleva kubernetes.io/ws',
              }),
              nodePort: orRecord(enforced(integerOrNone(30_000, 32_767)), RECORD, {
                is: (_value, document) => typeOfService(document) === 'LoadBalancer',
              }),
            }),
          ),
        ),
        clusterIP: orRecord(enforced(choice(['None', ''], {}, NO_ADDRESS)), OTHER_ADDRESS, {
          is: (value) => value !== 'None',
        }),
        clusterIPs: orRecord(enforced(list(choice(['None'], {}, NO_ADDRESS))), OTHER_ADDRESS, {
          is: (value) => JSON.stringify(value) !== '["None"]',
        }),
        sessionAffinity: emulated(choice(['None', 'ClientIP']), STAYS),
        // What Kubernetes fills in says no more than ClientIP itself.
        sessionAffinityConfig: orRecord(
          refused({
            en: 'an order that stays has no time after which it changes',
            es: 'un orden que se mantiene no tiene un plazo tras el que cambie',
          }),
          {
            en: 'three hours are what Kubernetes fills in; an order that stays has no time after which it changes',
            es: 'tres horas es lo que rellena Kubernetes; un orden que se mantiene no tiene un plazo tras el que cambie',
          },
          { marked: false, is: (value) => JSON.stringify(value) === '{"clientIP":{"timeoutSeconds":10800}}' },
        ),
        publishNotReadyAddresses: enforced(BOOLEAN),
        internalTrafficPolicy: emulated(choice(['Cluster', 'Local']), ONE_DOMAIN),
        trafficDistribution: emulated(TEXT, ONE_DOMAIN),
        ipFamilyPolicy: emulated(
          choice(['SingleStack', 'PreferDualStack'], { RequireDualStack: HOST_DECIDES }),
          FAMILIES,
        ),
        ipFamilies: orRecord(emulated(list(choice(['IPv4', 'IPv6'])), FAMILIES), OTHER_FAMILIES, {
          is: (value) => Array.isArray(value) && value[0] === 'IPv6',
        }),
        externalName: refused({
          en: 'names outside are not given another one here: write this name where the workload is configured, and leave the Service out',
          es: 'aquí los nombres externos no reciben otro: escribir este nombre donde se configura la carga de trabajo, y omitir el Service',
        }),
        // true is what Kubernetes fills in.
        allocateLoadBalancerNodePorts: orRecord(refused(NO_PORT_BESIDE, false), NO_PORT_BESIDE, {
          marked: false,
          is: (value) => value === true,
        }),
        externalTrafficPolicy: emulated(choice(['Cluster', 'Local']), ONE_DOMAIN),
        loadBalancerClass: refused(ONE_EDGE, 'darsena'),
        loadBalancerSourceRanges: enforced(
          list({
            kind: 'text',
            accepts: isNetwork,
            meaning: { en: 'a block of addresses such as 10.0.0.0/8', es: 'un bloque de direcciones como 10.0.0.0/8' },
          }),
        ),
        ...allRefused(ONE_EDGE, ['externalIPs', 'loadBalancerIP']),
        healthCheckNodePort: orRecord(refused(NO_NEED, 0), RECORD),
      }),
    ),
  }),
};

const BACKEND: Shape = object({
  service: required(
    object({
      name: required(LABEL_NAME),
      port: required(object({ number: enforced(PORT_NUMBER), name: enforced(LABEL_NAME) }, ['number', 'name'])),
    }),
  ),
  resource: refused({ en: 'a path leads to a Service', es: 'una ruta lleva a un Service' }),
});

export const INGRESS: Kind = {
  kind: 'Ingress',
  apiVersion: 'networking.k8s.io/v1',
  shape: object({
    ...HEAD('Ingress', 'networking.k8s.io/v1'),
    metadata: metadata(enforced(INGRESS_ANNOTATIONS), OBJECT_NAME),
    spec: required(
      object({
        rules: enforced(
          list(
            object({
              host: enforced({
                kind: 'text',
                pattern: EDGE_HOST,
                meaning: {
                  en: 'a host name, or one such as *.example.org for all that is one label below it',
                  es: 'un nombre de host, o uno como *.example.org para todo lo que esté una etiqueta por debajo',
                },
              }),
              http: enforced(
                object({
                  paths: required(
                    list(
                      object({
                        path: enforced({
                          kind: 'text',
                          pattern: EDGE_PATH,
                          // To Kubernetes it is no path; here it would publish everything.
                          emptyIsMeant: true,
                          meaning: {
                            en: 'a path as it stands in an address',
                            es: 'una ruta tal como figura en una dirección',
                          },
                        }),
                        pathType: {
                          ...emulated(choice(['Prefix', 'Exact', 'ImplementationSpecific']), {
                            en: 'ImplementationSpecific is Prefix at this edge; a path that is a pattern of another controller is refused with it',
                            es: 'ImplementationSpecific es Prefix en este borde; con él se rechaza una ruta que sea un patrón de otro controlador',
                          }),
                          required: true,
                        },
                        backend: required(BACKEND),
                      }),
                      { least: 1 },
                    ),
                  ),
                }),
              ),
            }),
          ),
        ),
        tls: emulated(
          list(
            object({
              hosts: enforced(
                list({
                  kind: 'text',
                  pattern: EDGE_HOST,
                  meaning: { en: 'a host name', es: 'un nombre de host' },
                }),
              ),
              secretName: refused({
                en: 'keys do not belong among manifests: darsena certificate add, or ACME, gives the edge a certificate for these hosts',
                es: 'las claves no van entre los manifiestos: darsena certificate add, o ACME, da al borde un certificado para estos hosts',
              }),
            }),
          ),
          {
            en: 'every route is served over TLS: with the certificate added for its host, else with the platform’s own',
            es: 'toda ruta se sirve por TLS: con el certificado añadido para su host o, si no, con el de la plataforma',
          },
        ),
        ingressClassName: refused(ONE_CLASS, 'darsena'),
        defaultBackend: emulated(BACKEND, {
          en: 'what no rule takes goes there: under each host of the rules, and under the published name of that service',
          es: 'lo que no toma ninguna regla va ahí: bajo cada host de las reglas y bajo el nombre publicado de ese servicio',
        }),
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

const NOTHING_CLOSED: Text = {
  en: 'empty and without policyTypes it closes nothing, as in Kubernetes; policyTypes: [Ingress, Egress] closes the way out',
  es: 'vacío y sin policyTypes no cierra nada, como en Kubernetes; policyTypes: [Ingress, Egress] cierra la salida',
};

function isWithoutEgress(value: Json, document: Json): boolean {
  const { spec } = Object(document) as { spec?: Json };
  const { policyTypes } = Object(spec) as { policyTypes?: Json };
  return Array.isArray(value) && value.length === 0 && !(Array.isArray(policyTypes) && policyTypes.length > 0);
}

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
      OBJECT_NAME,
    ),
    spec: required(
      object({
        podSelector: required(LABEL_SELECTOR),
        policyTypes: enforced(list(choice(['Ingress', 'Egress']))),
        ingress: enforced(list(object({ from: enforced(PEERS), ports: enforced(POLICY_PORTS) }))),
        // An author may have meant to close the way out with it; to Kubernetes it is as if it were not there.
        egress: orRecord(
          enforced(list(object({ to: enforced(PEERS), ports: enforced(POLICY_PORTS) }))),
          NOTHING_CLOSED,
          {
            marked: false,
            is: isWithoutEgress,
          },
        ),
      }),
    ),
  }),
};
