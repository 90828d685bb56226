/** Errors of the API: RFC 9457, with places (JSON pointers) and what would mend them. */

export interface Problem {
  pointer: string;
  message: string;
  fix?: string;
}

export interface ProblemDetails {
  title: string;
  status: number;
  detail: string;
  problems: Problem[];
}

export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly problems: Problem[];

  constructor(details: ProblemDetails) {
    super(details.detail || details.title);
    this.name = 'ApiError';
    this.status = details.status;
    this.title = details.title;
    this.problems = details.problems;
  }
}

/** The server did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super('laudstream does not answer');
    this.name = 'Unreachable';
  }
}

const TITLES: Record<number, string> = {
  401: 'Sign in again',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Not possible now',
  422: 'Not valid',
  500: 'laudstream failed',
  502: 'laudstream does not answer',
  503: 'Try again in a moment',
  504: 'laudstream does not answer',
};

/** Details from the body of an answer, whatever it is: a proxy's HTML page must not break the screen. */
export function parseProblem(status: number, body: string): ProblemDetails {
  const given = object(parse(body));
  const text = (key: string) => (typeof given[key] === 'string' ? given[key] : '');
  return {
    title: text('title') || TITLES[status] || `Error ${status}`,
    status,
    detail: text('detail'),
    problems: Array.isArray(given.problems) ? given.problems.flatMap(problem) : [],
  };
}

function problem(value: unknown): Problem[] {
  const { pointer, message, fix } = object(value);
  if (typeof message !== 'string') return [];
  const found: Problem = { pointer: typeof pointer === 'string' ? pointer : '', message };
  return [typeof fix === 'string' && fix !== '' ? { ...found, fix } : found];
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** `/steps/remind/message/template` as people read it: steps › remind › message › template. */
export function place(pointer: string): string {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join(' › ');
}

/** Problems at a place or below it. */
export function below(problems: Problem[], pointer: string): Problem[] {
  return problems.filter((each) => each.pointer === pointer || each.pointer.startsWith(`${pointer}/`));
}

/** Problems at none of the places: nothing on the form shows them. */
export function elsewhere(problems: Problem[], pointers: string[]): Problem[] {
  return problems.filter((each) => pointers.every((pointer) => below([each], pointer).length === 0));
}
