/** Address of something on the server that sent this page; a token in the page's goes along. */
export function address(path, query = {}) {
  const url = new URL(path, document.baseURI);
  const token = new URLSearchParams(location.search).get("token");
  for (const [key, value] of Object.entries({ ...query, ...(token && { token }) })) {
    url.searchParams.set(key, value);
  }
  return url;
}
