import type { ReactNode } from 'react';
import type { Json, Operation, Text, Verdict } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { Facts, Panel } from '../shell/parts/surface.tsx';
import { Reasons } from '../shell/parts/verdict.tsx';
import { Link, outsideAddress } from '../shell/router.tsx';
import { words } from './words.ts';

type Fields = { readonly [key: string]: Json };
type Reason = Verdict['reasons'][number];

function isFields(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function isText(value: Json | undefined): value is { en: string; es: string } {
  return isFields(value) && typeof value['en'] === 'string' && typeof value['es'] === 'string';
}

/** Reasons of a verdict out of a result; what does not have their shape is left out. */
function reasonsOf(value: Json | undefined): readonly Reason[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item): Reason[] => {
    if (!isFields(item) || !isText(item['message'])) return [];
    const remedy: Text | null = isText(item['remedy']) ? item['remedy'] : null;
    const [rule, effect] = [textOf(item['rule']) ?? '', textOf(item['effect']) ?? 'warn'];
    return [{ rule, effect, message: item['message'], remedy, subject: textOf(item['subject']) }];
  });
}

function Addresses({ value }: { value: Json }) {
  const all = Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  return (
    <span className="stack-tight">
      {all.map((item) => {
        const to = outsideAddress(item);
        return to === null ? (
          <span key={item}>{item}</span>
        ) : (
          <a key={item} href={to} target="_blank" rel="noreferrer noopener">
            {item}
          </a>
        );
      })}
    </span>
  );
}

/** What an operation left behind, in the words of its kind; internal ids and measures are not for people. */
export function Outcome({ operation }: { operation: Operation }) {
  const t = useWords(words);
  const formats = useFormats();
  const text = useText();
  const { problem, result, project } = operation;
  if (problem !== null && problem !== undefined) {
    return (
      <div className="failure">
        <p className="failure-title">{problem.title}</p>
        {problem.detail === undefined ? null : <p>{problem.detail}</p>}
        {problem.remedy === undefined ? null : (
          <p className="remedy">
            {t('wayOut')}: {problem.remedy}
          </p>
        )}
        <p className="code">{problem.code}</p>
      </div>
    );
  }
  if (!isFields(result)) return null;
  const reasons = reasonsOf(result['reasons']);
  const draw: Readonly<Record<string, (value: Json, all: Fields) => readonly [string, ReactNode] | null>> = {
    number: (value) =>
      project === null
        ? [t('release'), String(value)]
        : [
            t('release'),
            <Link key="r" to={addresses.project(project, 'releases')}>
              {String(value)}
            </Link>,
          ],
    addresses: (value) => [t('addresses'), <Addresses key="a" value={value} />],
    promotion: (value) =>
      project === null || !isFields(value)
        ? null
        : [
            t('promotion'),
            <span key="p" className="chips">
              <Link to={addresses.project(project, 'promotions')}>{textOf(value['to']) ?? ''}</Link>
              <State state={textOf(value['state']) ?? ''} />
            </span>,
          ],
    yaml: (value) => [
      t('manifest'),
      <Copyable key="y" value={String(value)}>
        YAML
      </Copyable>,
    ],
    why: (value) => (isText(value) ? [t('why'), text(value)] : null),
    repository: (value) => [t('image'), String(value)],
    tags: (value) => [
      t('tags'),
      <span key="t" className="chips">
        {(Array.isArray(value) ? value : []).map((tag) => (
          <Chip key={String(tag)} mono>
            {String(tag)}
          </Chip>
        ))}
      </span>,
    ],
    digest: (value) => [
      t('digest'),
      <Copyable key="d" value={String(value)}>
        {shortDigest(String(value))}
      </Copyable>,
    ],
    packages: (value) => [t('packages'), typeof value === 'number' ? formats.number(value) : '—'],
    sizeBytes: (value) => [t('size'), typeof value === 'number' ? formats.bytes(value) : '—'],
  };
  const items = Object.entries(result).flatMap(([name, value]) => {
    const item = draw[name]?.(value, result) ?? null;
    return item === null ? [] : [item];
  });
  if (items.length === 0 && reasons.length === 0) return null;
  return (
    <Panel title={t('result')}>
      {items.length === 0 ? null : <Facts items={items} />}
      {reasons.length === 0 ? null : <Reasons reasons={reasons} />}
    </Panel>
  );
}
