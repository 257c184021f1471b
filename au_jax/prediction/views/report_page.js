// Sorts and filters the gallery; the page is complete without it.
const list = document.querySelector(".gallery");
const order = document.getElementById("order");
const count = document.getElementById("count");
function update() {
  const chosen = [...document.querySelectorAll("fieldset input:checked")].map(x => x.value);
  const items = [...list.children];
  const value = item => Number(item.dataset[order.value]);
  items.sort((a, b) => order.value === "place" ? value(a) - value(b) : value(b) - value(a));
  items.forEach(item => {
    list.append(item);
    const active = item.dataset.active.split(" ");
    item.hidden = !chosen.every(au => active.includes(au));
  });
  count.textContent = items.filter(item => !item.hidden).length + " of " + items.length + " shown";
}
if (list) {
  document.querySelectorAll("fieldset input, #order").forEach(x => x.addEventListener("change", update));
  update();
}
