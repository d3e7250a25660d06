// Failures as sentences: what happened and the way out.

export class Notice extends Error {
  /** `detail` is for the console only. */
  constructor(sentence, detail) {
    super(sentence);
    this.detail = detail;
  }
}

/** The sentence of any error. */
export function sentence(error) {
  if (!(error instanceof Notice)) console.error(error);
  else if (error.detail) console.warn(error.detail);
  return error instanceof Notice ? error.message : "Something went wrong; reload the page.";
}
