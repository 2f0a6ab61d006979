import {
  allRefused,
  choice,
  emulated,
  enforced,
  type Kind,
  list,
  object,
  refused,
  refusedKind,
  required,
} from '../schema.ts';
import { ABSOLUTE_PATH, HEAD, LABEL_NAME, LABELS, LATER, metadata, PORT_NUMBER } from './common.ts';

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
            ExternalName: LATER,
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
              protocol: enforced(choice(['TCP', 'UDP'], { SCTP: LATER })),
              appProtocol: refused(LATER),
              nodePort: refused({ en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' }),
            }),
            { least: 1 },
          ),
        ),
        clusterIP: refused({
          en: 'names resolve to the ready pods themselves, so a service has no address of its own',
          es: 'los nombres resuelven a los pods disponibles, así que un servicio no tiene dirección propia',
        }),
        sessionAffinity: refused(LATER, 'None'),
        publishNotReadyAddresses: refused(
          { en: 'names resolve to ready pods only', es: 'los nombres resuelven solo a pods disponibles' },
          false,
        ),
        ...allRefused(LATER, [
          'allocateLoadBalancerNodePorts',
          'clusterIPs',
          'externalIPs',
          'externalName',
          'externalTrafficPolicy',
          'healthCheckNodePort',
          'internalTrafficPolicy',
          'ipFamilies',
          'ipFamilyPolicy',
          'loadBalancerClass',
          'loadBalancerIP',
          'loadBalancerSourceRanges',
          'sessionAffinityConfig',
          'trafficDistribution',
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
                            resource: refused(LATER),
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
        defaultBackend: refused(LATER),
      }),
    ),
  }),
};

export const NETWORK_POLICY: Kind = refusedKind('NetworkPolicy', 'networking.k8s.io/v1', LATER);
