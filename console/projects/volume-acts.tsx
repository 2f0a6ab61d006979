import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Json, Volume } from '../api/types.ts';
import { waitForOperation } from '../hosts/operation.ts';
import { Elapsed } from '../operations/elapsed.tsx';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { Link } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { volumeWords } from './volume-words.ts';

export const nameOf = ({ environment, claim }: Pick<Volume, 'environment' | 'claim'>): string =>
  `${environment}/${claim}`;

export function pathOf({ project, environment, claim }: Volume): readonly string[] {
  return ['projects', project, 'volumes', environment, claim];
}

/** What is about to be done, in words, before it is done; then waits until the host has done it. */
export function Act({
  title,
  act,
  text,
  danger = false,
  disabled = false,
  run,
  onDone,
  onClose,
  children,
}: {
  title: string;
  act: string;
  text: string;
  danger?: boolean;
  disabled?: boolean;
  /** Gives an operation, where there is one. */
  run: () => Promise<{ readonly operation?: string }>;
  /** Told what the host answered, before the lists are read again. */
  onDone?: (result: Json) => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  const t = useWords(volumeWords);
  const client = useQueryClient();
  /** What the host does about it, and since when. */
  const [begun, setBegun] = useState<{ readonly operation: string; readonly at: string } | null>(null);
  const sending = useMutation({
    async mutationFn() {
      const { operation } = await run();
      if (operation === undefined) return null;
      setBegun({ operation, at: new Date().toISOString() });
      return await waitForOperation(operation).finally(() => setBegun(null));
    },
    async onSuccess(result) {
      onClose();
      onDone?.(result);
      await client.invalidateQueries({ queryKey: ['volumes'] });
    },
  });
  return (
    <FormDialog
      title={title}
      act={act}
      look={danger ? 'danger' : 'primary'}
      disabled={disabled}
      sending={sending}
      onClose={onClose}
    >
      <p>{text}</p>
      {children}
      <p className="quiet-text" aria-live="polite">
        {begun === null ? null : (
          <>
            {t('underWay')} <Elapsed from={begun.at} to={null} /> ·{' '}
            <Link to={addresses.operation(begun.operation)}>{t('itsSteps')}</Link>
          </>
        )}
      </p>
    </FormDialog>
  );
}

/** Says where a repository comes from, to who may make one and to who may not. */
export function NoRepository() {
  const t = useWords(volumeWords);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  return (
    <p>
      {t('noRepository')}{' '}
      {isAdmin ? <Link to={addresses.settings('storage')}>{t('addRepository')}</Link> : t('askAdmin')}
    </p>
  );
}
