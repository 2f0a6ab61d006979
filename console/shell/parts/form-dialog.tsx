import type { UseMutationResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useWords } from '../language.tsx';
import { words } from '../words.ts';
import { Button } from './controls.tsx';
import { Dialog, Failure } from './surface.tsx';

/** A dialog that asks for something and sends it: fields, what went wrong, the way back and the one act. */
export function FormDialog({
  title,
  act,
  look = 'primary',
  wide = false,
  disabled = false,
  sending,
  onClose,
  children,
}: {
  readonly title: string;
  /** The word on the button; the title without it. */
  readonly act?: string;
  readonly look?: 'primary' | 'danger';
  readonly wide?: boolean;
  readonly disabled?: boolean;
  readonly sending: Pick<UseMutationResult<unknown, Error, void>, 'mutate' | 'error' | 'isPending'>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const t = useWords(words);
  return (
    <Dialog title={title} onClose={onClose} wide={wide}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          sending.mutate();
        }}
      >
        {children}
        {sending.error === null ? null : <Failure error={sending.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button type="submit" look={look} disabled={disabled} busy={sending.isPending}>
            {act ?? title}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Names or patterns as people type them: apart by spaces or commas. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== '');
}
