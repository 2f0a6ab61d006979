/** A type and no interface: it is a value of JSON. */
type ImageParts = {
  readonly registry: string;
  readonly path: string;
  readonly name: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly reference: string;
  readonly referenceWithTag: string;
};

/** The parts of the name of an image as Kyverno fills them in. */
export function imageParts(image: string): ImageParts {
  const [named = '', digest = ''] = image.split('@', 2);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const place = hasTag ? named.slice(0, colon) : named;
  const slash = place.indexOf('/');
  const first = slash < 0 ? '' : place.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === 'localhost';
  const registry = isRegistry ? first : 'docker.io';
  const path = isRegistry ? place.slice(slash + 1) : place;
  const tag = hasTag ? named.slice(colon + 1) : digest === '' ? 'latest' : '';
  const whole = `${registry}/${path}`;
  return {
    ...{ registry, path, name: path.split('/').at(-1) ?? '', ...(tag === '' ? {} : { tag }) },
    ...(digest === '' ? {} : { digest }),
    reference: digest === '' ? `${whole}:${tag}` : `${whole}@${digest}`,
    referenceWithTag: `${whole}:${tag}`,
  };
}
