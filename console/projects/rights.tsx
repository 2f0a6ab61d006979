import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { accessWords } from './access-words.ts';

export type AccessWord = keyof typeof accessWords.en;

/** What a program may be given in a project. */
export const ROBOT_RIGHTS = ['puller', 'pusher', 'publisher', 'deleter'] as const;

/** What a program may do, in words where it is one of the usual roles. */
export function Rights({ rights, repositories }: { rights: readonly string[]; repositories: readonly string[] }) {
  const t = useWords(accessWords);
  const nameOf = (right: string) => {
    const known = [...ROBOT_RIGHTS, 'admin', 'developer', 'analyst', 'approver', 'auditor'].find(
      (one) => one === right,
    );
    return known === undefined ? right : t(known as AccessWord);
  };
  return (
    <span className="chips">
      {rights.map((right) => (
        <Chip key={right}>{nameOf(right)}</Chip>
      ))}
      <span className="quiet-text">
        {repositories.length === 0 ? t('everyRepository') : <code>{repositories.join(', ')}</code>}
      </span>
    </span>
  );
}
