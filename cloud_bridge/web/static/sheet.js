// placeholder
export async function openSheet(href) {
  location.href = href;
}
