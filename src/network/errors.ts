import { defineFaults, Fault, type Text } from '../system/index.ts';

/** What happened and why, in both languages; what is no fault only has its own. */
export function whyFailed(error: unknown): Text {
  if (!(error instanceof Fault)) {
    const why = error instanceof Error ? error.message : String(error);
    return { en: why, es: why };
  }
  const say = (language: 'en' | 'es'): string => {
    const { what, why } = error.text(language);
    return why === undefined ? what : `${what}: ${why}`;
  };
  return { en: say('en'), es: say('es') };
}

export const networkFault = defineFaults({
  'network.der-broken': {
    kind: 'invalid',
    en: { what: 'the certificate request is not readable', why: 'its DER encoding is broken: {reason}' },
    es: { what: 'la solicitud de certificado no es legible', why: 'su codificación DER está rota: {reason}' },
  },
  'network.request-refused': {
    kind: 'invalid',
    en: {
      what: 'the certificate request is refused',
      why: '{reason}',
      remedy: 'send a PEM PKCS #10 request with an ECDSA P-256 key, signed by that key',
    },
    es: {
      what: 'la solicitud de certificado se rechaza',
      why: '{reason}',
      remedy: 'enviar una solicitud PKCS #10 en PEM con una clave ECDSA P-256, firmada por esa clave',
    },
  },
  'network.authority-broken': {
    kind: 'invalid',
    en: { what: 'the certificate authority cannot be read', why: '{reason}' },
    es: { what: 'la autoridad de certificación no se puede leer', why: '{reason}' },
  },
  'network.name-invalid': {
    kind: 'invalid',
    en: {
      what: 'the name {name} cannot be in a certificate',
      why: 'a DNS name is expected: labels of a-z, 0-9 and hyphen, at most 63 characters each, "*" only as the first label',
    },
    es: {
      what: 'el nombre {name} no puede figurar en un certificado',
      why: 'se espera un nombre DNS: etiquetas de a-z, 0-9 y guion, de 63 caracteres como máximo, "*" solo como primera etiqueta',
    },
  },
  'network.wildcard-too-wide': {
    kind: 'invalid',
    en: {
      what: 'a certificate for {name} would be accepted by nobody',
      why: 'OpenSSL, Node.js and Chromium refuse a wildcard directly under a top-level name',
      remedy: 'choose a domain of at least two labels, such as darsena.localhost',
    },
    es: {
      what: 'nadie aceptaría un certificado para {name}',
      why: 'OpenSSL, Node.js y Chromium rechazan un comodín directamente bajo un nombre de primer nivel',
      remedy: 'elegir un dominio de al menos dos etiquetas, por ejemplo darsena.localhost',
    },
  },
  'network.address-invalid': {
    kind: 'invalid',
    en: { what: 'the address {address} cannot be in a certificate', why: 'an IPv4 or IPv6 address is expected' },
    es: {
      what: 'la dirección {address} no puede figurar en un certificado',
      why: 'se espera una dirección IPv4 o IPv6',
    },
  },
  'network.subject-invalid': {
    kind: 'invalid',
    en: {
      what: 'the subject {subject} cannot be in a certificate',
      why: 'it must have 1 to 64 characters, none of them a control character',
    },
    es: {
      what: 'el titular {subject} no puede figurar en un certificado',
      why: 'debe tener de 1 a 64 caracteres, ninguno de control',
    },
  },
  'network.name-too-long': {
    kind: 'invalid',
    en: {
      what: 'the service {service} cannot be published as {label}',
      why: 'the name has {length} characters, DNS allows {limit}',
      remedy: 'shorten the name of the service, project or environment, or give the Ingress a host of its own',
    },
    es: {
      what: 'el servicio {service} no se puede publicar como {label}',
      why: 'el nombre tiene {length} caracteres, DNS admite {limit}',
      remedy: 'acortar el nombre del servicio, del proyecto o del entorno, o dar al Ingress un host propio',
    },
  },
  'network.route-invalid': {
    kind: 'invalid',
    en: { what: 'the route {host}{path} cannot be published', why: '{reason}' },
    es: { what: 'la ruta {host}{path} no se puede publicar', why: '{reason}' },
  },
  'network.listener-invalid': {
    kind: 'invalid',
    en: { what: 'port {port} of {service} cannot be published', why: '{reason}' },
    es: { what: 'el puerto {port} de {service} no se puede publicar', why: '{reason}' },
  },
  'network.proxies-invalid': {
    kind: 'invalid',
    en: { what: 'the balancers in front are not understood', why: '{network} is no address and no block of addresses' },
    es: {
      what: 'los balanceadores de delante no se entienden',
      why: '{network} no es una dirección ni un bloque de direcciones',
    },
  },
  'network.proxies-too-wide': {
    kind: 'invalid',
    en: {
      what: 'the balancers in front are not taken',
      why: '{network}: whoever is believed can say that a client is anybody, so they must be few and named',
      remedy: 'name the addresses of the balancers, at most 64 networks',
    },
    es: {
      what: 'los balanceadores de delante no se aceptan',
      why: '{network}: quien es creído puede decir que un cliente es cualquiera, así que deben ser pocos y con nombre',
      remedy: 'indicar las direcciones de los balanceadores, como máximo 64 redes',
    },
  },
  'network.denial-invalid': {
    kind: 'invalid',
    en: {
      what: 'nothing is refused at the edge for {value}',
      why: '{reason}',
      remedy: 'darsena route deny tienda --network 203.0.113.7 --for 2h --reason "scans"',
    },
    es: {
      what: 'no se rechaza nada en el borde por {value}',
      why: '{motivo}',
      remedy: 'darsena route deny tienda --network 203.0.113.7 --for 2h --reason "escaneos"',
    },
  },
  'network.denial-unknown': {
    kind: 'not-found',
    en: { what: 'there is no denial {id}', remedy: 'darsena route denials {project}' },
    es: { what: 'no existe el rechazo {id}', remedy: 'darsena route denials {project}' },
  },
  'network.file-unreadable': {
    kind: 'invalid',
    en: { what: 'the file {path} cannot be read', why: 'the system answers {reason}' },
    es: { what: 'el archivo {path} no se puede leer', why: 'el sistema responde {reason}' },
  },
  'network.certificate-refused': {
    kind: 'invalid',
    en: {
      what: 'the certificate is not taken',
      why: '{reason}',
      remedy: 'give the chain from the server’s certificate upwards, and the key of that certificate',
    },
    es: {
      what: 'el certificado no se acepta',
      why: '{motivo}',
      remedy: 'dar la cadena desde el certificado del servidor hacia arriba y la clave de ese certificado',
    },
  },
  'network.certificate-name-taken': {
    kind: 'conflict',
    en: {
      what: 'there already is a certificate for {name}',
      why: 'the edge would have to guess which one to serve',
      remedy: 'darsena certificate show {id}; darsena certificate remove {id}',
    },
    es: {
      what: 'ya hay un certificado para {name}',
      why: 'el borde tendría que adivinar cuál servir',
      remedy: 'darsena certificate show {id}; darsena certificate remove {id}',
    },
  },
  'network.certificate-project': {
    kind: 'not-found',
    en: {
      what: 'no certificate is taken for the project {project}',
      why: 'there is no such project, and its names would be kept from all others',
      remedy: 'darsena project list',
    },
    es: {
      what: 'no se acepta un certificado para el proyecto {project}',
      why: 'no existe ese proyecto, y sus nombres quedarían vedados a los demás',
      remedy: 'darsena project list',
    },
  },
  'network.certificate-host-taken': {
    kind: 'conflict',
    en: {
      what: 'no certificate for {host} is taken for the project {project} alone',
      why: 'another project publishes this host, and its visitors would be shown it',
      remedy: 'darsena route list; add it without --project, for all',
    },
    es: {
      what: 'no se acepta un certificado de {host} solo para el proyecto {project}',
      why: 'otro proyecto publica ese host, y se mostraría a sus visitantes',
      remedy: 'darsena route list; añadirlo sin --project, para todos',
    },
  },
  'network.certificates-full': {
    kind: 'conflict',
    en: { what: 'the certificate is not taken', why: 'there are {limit} already', remedy: 'darsena certificate list' },
    es: { what: 'el certificado no se acepta', why: 'ya hay {limit}', remedy: 'darsena certificate list' },
  },
  'network.certificate-unknown': {
    kind: 'not-found',
    en: { what: 'there is no certificate {id}', remedy: 'darsena certificate list' },
    es: { what: 'no existe el certificado {id}', remedy: 'darsena certificate list' },
  },
  'network.acme-failed': {
    kind: 'unavailable',
    en: {
      what: 'the ACME authority gave no certificate',
      why: '{reason}',
      remedy: 'it is tried again by itself; darsena certificate orders',
    },
    es: {
      what: 'la autoridad ACME no dio un certificado',
      why: '{reason}',
      remedy: 'se intenta de nuevo por sí solo; darsena certificate orders',
    },
  },
  'network.dns-update-failed': {
    kind: 'unavailable',
    en: {
      what: 'the DNS server {server} did not change the zone {zone}',
      why: '{reason}',
      remedy: 'NOTAUTH means another key or clock, REFUSED a key that may not change this zone',
    },
    es: {
      what: 'el servidor DNS {server} no cambió la zona {zone}',
      why: '{reason}',
      remedy: 'NOTAUTH indica otra clave u otro reloj; REFUSED, una clave que no puede cambiar esta zona',
    },
  },
  'network.site-unset': {
    kind: 'conflict',
    en: {
      what: 'no host can be balanced between sites',
      why: 'it is not said which site this is',
      remedy: 'darsena site set --help',
    },
    es: {
      what: 'no se puede repartir ningún host entre sedes',
      why: 'no se ha dicho qué sede es esta',
      remedy: 'darsena site set --help',
    },
  },
  'network.site-invalid': {
    kind: 'invalid',
    en: { what: 'the balance between sites is not set so', why: '{reason}', remedy: 'darsena site show' },
    es: { what: 'el reparto entre sedes no se fija así', why: '{motivo}', remedy: 'darsena site show' },
  },
  'network.site-taken': {
    kind: 'conflict',
    en: {
      what: 'another platform balances {host} under the name {site}',
      why: 'its addresses are {addresses}; two of one name would take back each other’s in turns, so this one tells DNS nothing',
      remedy: 'darsena site set --name ANOTHER',
    },
    es: {
      what: 'otra plataforma reparte {host} con el nombre {site}',
      why: 'sus direcciones son {addresses}; dos del mismo nombre se quitarían las suyas por turnos, así que esta no dice nada al DNS',
      remedy: 'darsena site set --name OTRO',
    },
  },
  'network.acme-unset': {
    kind: 'conflict',
    en: {
      what: 'no certificate can be ordered',
      why: 'no ACME authority is set',
      remedy: 'darsena certificate acme set --help',
    },
    es: {
      what: 'no se puede pedir ningún certificado',
      why: 'no hay ninguna autoridad ACME configurada',
      remedy: 'darsena certificate acme set --help',
    },
  },
  'network.acme-invalid': {
    kind: 'invalid',
    en: { what: 'the ACME settings are not taken', why: '{reason}' },
    es: { what: 'los ajustes de ACME no se aceptan', why: '{motivo}' },
  },
  'network.order-refused': {
    kind: 'invalid',
    en: { what: 'no certificate is ordered for {name}', why: '{reason}' },
    es: { what: 'no se pide ningún certificado para {name}', why: '{motivo}' },
  },
  'network.order-unknown': {
    kind: 'not-found',
    en: { what: 'there is no order {id}', remedy: 'darsena certificate orders' },
    es: { what: 'no existe el pedido {id}', remedy: 'darsena certificate orders' },
  },
  'network.edge-config': {
    kind: 'internal',
    en: { what: 'the edge keeps its last configuration', why: 'HAProxy refuses the new one: {reason}' },
    es: { what: 'el borde conserva su última configuración', why: 'HAProxy rechaza la nueva: {reason}' },
  },
  'network.edge-down': {
    kind: 'unavailable',
    en: { what: 'the edge does not run', why: '{reason}', remedy: 'darsena logs edge' },
    es: { what: 'el borde no funciona', why: '{reason}', remedy: 'darsena logs edge' },
  },
  'network.policy-invalid': {
    kind: 'invalid',
    en: {
      what: 'the network policy {policy} cannot be applied',
      why: '{value} is no address and no block of addresses',
    },
    es: {
      what: 'la política de red {policy} no se puede aplicar',
      why: '{value} no es una dirección ni un bloque de direcciones',
    },
  },
});
