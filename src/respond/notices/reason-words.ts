import type { Text } from '../../system/index.ts';

/**
 * Why a channel cannot be used or did not take a notice, in Spanish. What finds it says it in English, once, where it finds it; here
 * stands what a person reads. `$1` is what was seen. What is not listed, such as the words of a mail server, is told as it is.
 */
const SPANISH: readonly (readonly [RegExp, string])[] = [
  // How a channel is set up
  [/^there are (\d+) channels$/, 'ya hay $1 canales'],
  [/^its address is no URL$/, 'su dirección no es una URL'],
  [/^a (\S+) address begins with (\S+) or (\S+)$/, 'una dirección de $1 empieza por $2 o $3'],
  [/^a (\S+) address begins with (\S+) or (\S+) or (\S+)$/, 'una dirección de $1 empieza por $2, $3 o $4'],
  [/^a (\S+) address begins with (\S+)$/, 'una dirección de $1 empieza por $2'],
  [/^credentials do not belong into its address$/, 'las credenciales no van en su dirección'],
  [
    /^an e-mail channel, and no other, says from whom and to whom$/,
    'un canal de correo, y ningún otro, dice de quién y a quién',
  ],
  [/^e-mail needs --from and --recipient$/, 'el correo necesita --from y --recipient'],
  [/^no address was given: --to or --to-file$/, 'no se ha dado ninguna dirección: --to o --to-file'],
  [
    /^a user needs a password, and a password a user$/,
    'un usuario necesita una contraseña, y una contraseña un usuario',
  ],
  [/^what signs has at least (\d+) characters$/, 'lo que firma tiene al menos $1 caracteres'],
  [
    /^an authority of your own is of https:\/\/ and tls:\/\/ only$/,
    'una autoridad propia solo vale para https:// y tls://',
  ],
  [/^its authority is no certificate in PEM$/, 'su autoridad no es un certificado en PEM'],
  [
    /^without TLS only a receiver in a network of your own is told: --allow-network$/,
    'sin TLS solo se avisa a un receptor de una red propia: --allow-network',
  ],
  [/^"(.*)" is no network: expected ADDRESS\/BITS$/, '"$1" no es una red: se esperaba DIRECCIÓN/BITS'],
  [/^"(.*)" is too wide: at least \/(\d+), at most \/(\d+)$/, '"$1" es demasiado amplia: de /$2 a /$3'],
  [/^it says neither from whom nor to whom$/, 'no dice ni de quién ni a quién'],
  // Where it leads
  [/^(.+) is no address$/, '$1 no es una dirección'],
  [/^(\S+) is in no allowed network$/, '$1 no está en ninguna red permitida'],
  [
    /^(\S+) is not of the public Internet and no allowed network holds it$/,
    '$1 no es de la Internet pública ni está en ninguna red permitida',
  ],
  [/^(\S+) has no address$/, '$1 no tiene dirección'],
  [/^no address$/, 'no tiene dirección'],
  [/^getaddrinfo ENOTFOUND (\S+)$/, 'el nombre $1 no se conoce'],
  [/^getaddrinfo EAI_AGAIN (\S+)$/, 'el servidor de nombres no responde sobre $1'],
  [/^connect ECONNREFUSED (.+)$/, 'en $1 no responde nadie'],
  [/^connect (?:EHOSTUNREACH|ENETUNREACH) (.+?)(?: - Local .*)?$/, 'no hay camino hasta $1'],
  [/^connect ETIMEDOUT (.+)$/, '$1 no respondió a tiempo'],
  [/^(?:read ECONNRESET|socket hang up|write EPIPE)$/, 'cortó la conexión'],
  [
    /^Client network socket disconnected before secure TLS connection was established$/,
    'cortó la conexión antes de acordar TLS',
  ],
  [/^certificate has expired$/, 'su certificado ha caducado'],
  [/^certificate is not yet valid$/, 'su certificado aún no es válido'],
  [/^Hostname\/IP does not match certificate's altnames: (.+)$/, 'su certificado no es de este nombre ($1)'],
  [
    /^no authority that is believed vouches for its certificate; --ca-file names one of your own$/,
    'ninguna autoridad en la que se confía responde de su certificado; --ca-file nombra una propia',
  ],
  // What came of it
  [/^no answer in time$/, 'no respondió a tiempo'],
  [/^the connection ended without an answer$/, 'la conexión terminó sin respuesta'],
  [/^the receiver answered (\d+)$/, 'el receptor respondió $1'],
  [
    /^the receiver answered (\d+), and redirects are not followed$/,
    'el receptor respondió $1, y las redirecciones no se siguen',
  ],
  [/^the receiver hung up before it was told$/, 'el receptor colgó antes de recibir el aviso'],
  [/^the server answered (\d+) ?(.*)$/s, 'el servidor respondió $1 $2'],
  [/^(\S+@\S+): the server answered (\d+) ?(.*)$/s, '$1: el servidor respondió $2 $3'],
  [/^the server said more before TLS than it may$/, 'el servidor dijo antes de TLS más de lo que puede'],
  [/^the server offers no TLS$/, 'el servidor no ofrece TLS'],
  [/^the server takes neither AUTH PLAIN nor AUTH LOGIN$/, 'el servidor no acepta ni AUTH PLAIN ni AUTH LOGIN'],
  [/^the server says too much$/, 'el servidor dice demasiado'],
  [/^the server ended the connection$/, 'el servidor terminó la conexión'],
  [/^the server does not speak SMTP$/, 'el servidor no habla SMTP'],
];

/** A reason in both languages. */
export function reasonInWords(english: string): Text {
  for (const [pattern, spanish] of SPANISH) {
    const match = pattern.exec(english);
    if (match === null) continue;
    const es = spanish.replaceAll(/\$(\d)/g, (_place, index: string) => match[Number(index)] ?? '').trimEnd();
    return { en: english, es };
  }
  return { en: english, es: english };
}
