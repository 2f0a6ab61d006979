import type { Text } from '../system/index.ts';

/** What the frame itself refuses before a schema is asked, by the code of its error (fastify.dev/docs, Errors). */
export const FRAME_WORDS: Readonly<Record<string, Text>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: { en: 'the body is not JSON', es: 'el cuerpo no es JSON' },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    en: 'the body is empty, and its type says JSON',
    es: 'el cuerpo está vacío y su tipo dice JSON',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    en: 'the type of the body is not one that is read here',
    es: 'el tipo del cuerpo no es de los que se leen aquí',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    en: 'the body is not as long as Content-Length says',
    es: 'el cuerpo no mide lo que dice Content-Length',
  },
  FST_ERR_BAD_URL: { en: 'the address cannot be read', es: 'la dirección no se puede leer' },
};
