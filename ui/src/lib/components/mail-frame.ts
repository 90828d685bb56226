/** A mail is hostile: it is shown in a sandboxed frame, and may load nothing and run nothing. */

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; base-uri 'none'";

/** The document for `srcdoc`. The policy comes first, so nothing in the mail stands before it. */
export function framed(html: string): string {
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">` +
    `<meta name="referrer" content="no-referrer"><style>body{font:15px/1.5 system-ui,sans-serif;margin:20px;overflow-wrap:anywhere}</style>${html}`;
}
