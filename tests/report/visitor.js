const found = {};
const el = (id) => document.getElementById(id);
const cells = () => Array.from(el("map").querySelectorAll(".head"));
const cell = (head) => cells().find((one) => one.dataset.head === head);
const share = (head) => cell(head).style.getPropertyValue("--share");
const press = (key) =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const point = (target, kind) => target.dispatchEvent(new PointerEvent(kind, { bubbles: true }));
const tip = () => document.querySelector(".head-tip").textContent;
const focused = () => document.activeElement.dataset.head;

function rows() {
  const shown = Array.from(el("table").tBodies[0].rows).filter((row) => !row.hidden);
  return shown.map((row) => row.querySelector("th").firstChild.textContent.trim());
}
function type(text) {
  el("query").value = text;
  el("query").dispatchEvent(new Event("input"));
  return rows();
}
function pick(id, value) {
  el(id).value = value;
  el(id).dispatchEvent(new Event("change"));
  return rows();
}
function tick(id, checked) {
  el(id).checked = checked;
  el(id).dispatchEvent(new Event("change"));
  return rows();
}
function sortBy(key) {
  document.querySelector(`#table th[data-sort=${key}] button`).click();
  return rows();
}

try {
  VISIT
} catch (error) {
  found.error = String(error);
}
document.body.dataset.found = JSON.stringify(found);
