import {
  type ButtonHTMLAttributes,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
  useState,
} from 'react';
import { useWords } from '../language.tsx';
import { words } from '../words.ts';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: 'plain' | 'primary' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly busy?: boolean;
}

export function Button({
  look = 'plain',
  icon,
  busy = false,
  children,
  className = '',
  type = 'button',
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={`button ${look} ${children === undefined ? 'only-icon' : ''} ${className}`}
      aria-busy={busy || undefined}
      disabled={disabled === true || busy}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </button>
  );
}

export interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
}

export function Field({ label, hint, error, ...rest }: FieldProps) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        {...rest}
        id={id}
        aria-invalid={error === undefined ? undefined : true}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
      />
      {note === undefined ? null : (
        <p id={`${id}-note`} className={error === undefined ? 'note' : 'note bad'}>
          {note}
        </p>
      )}
    </div>
  );
}

export interface TextAreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  readonly label: string;
  readonly hint?: string;
}

/** Several lines of text that machines read: keys, documents. */
export function TextArea({ label, hint, ...rest }: TextAreaProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        spellCheck={false}
        autoComplete="off"
        {...rest}
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-note`}
      />
      {hint === undefined ? null : (
        <p id={`${id}-note`} className="note">
          {hint}
        </p>
      )}
    </div>
  );
}

export interface SelectProps extends Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange'> {
  readonly label: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly onPick: (value: string) => void;
  readonly bare?: boolean;
}

/** `bare` keeps the label for assistive technology only. */
export function Select({ label, options, onPick, bare = false, ...rest }: SelectProps) {
  const id = useId();
  return (
    <div className={bare ? 'select bare' : 'field select'}>
      <label htmlFor={id} className={bare ? 'hidden-text' : ''}>
        {label}
      </label>
      <select {...rest} id={id} onChange={(event) => onPick(event.target.value)}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The filter of a list; `/` with a list on the page goes to search, `f` comes here. */
export function FilterBox({
  value,
  onChange,
  label,
}: {
  value: string;
  onChange: (value: string) => void;
  label: string;
}) {
  return (
    <div className="filter-box">
      <Icon name="search" size={14} />
      <input
        type="search"
        data-filter=""
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
    </div>
  );
}

/** A value people carry elsewhere: shown short, copied whole. */
export function Copyable({ value, children, mono = true }: { value: string; children?: ReactNode; mono?: boolean }) {
  const t = useWords(words);
  const [copied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard.writeText(value).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      },
      () => setCopied(false),
    );
  };
  return (
    <span className={mono ? 'copyable mono' : 'copyable'}>
      <span className="copyable-value" title={value}>
        {children ?? value}
      </span>
      <button
        type="button"
        className="copy"
        onClick={copy}
        aria-label={`${t('copy')}: ${value}`}
        title={copied ? t('copied') : t('copy')}
      >
        <Icon name={copied ? 'check' : 'copy'} size={13} />
      </button>
      <span className="hidden-text" aria-live="polite">
        {copied ? t('copied') : ''}
      </span>
    </span>
  );
}

/** A command for the terminal, ready to copy. */
export function CommandLine({ command }: { command: string }) {
  return (
    <div className="command">
      <span className="prompt" aria-hidden="true">
        $
      </span>
      <Copyable value={command} />
    </div>
  );
}
