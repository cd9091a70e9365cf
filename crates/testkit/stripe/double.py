#!/usr/bin/env python3
"""A stateful double of Stripe for tests: the API of version 2026-08-26 as far as Stoa uses it, the hosted pages, webhooks
with signatures, an idempotency store and a clock that can be moved. Python's standard library only.

    double.py [--port N] [--key sk_test_x] [--webhook URL --secret whsec_x]

prints its address on the first line. `/_double/...` controls it (see `Control`).
"""
import argparse
import calendar
import datetime
import hashlib
import hmac
import html
import json
import re
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "2026-08-26.dahlia"
DAY = 86400


class Refused(Exception):
    def __init__(self, status, kind, code, message, param=None):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message, "param": param}}


def invalid(code, message, param=None, status=400):
    return Refused(status, "invalid_request_error", code, message, param)


def missing(kind, id_):
    return invalid("resource_missing", f"No such {kind}: '{id_}'", "id", 404)


def parse(encoded):
    """`a[b][0]=c` becomes {"a": {"b": {"0": "c"}}}."""
    out = {}
    for name, value in urllib.parse.parse_qsl(encoded, keep_blank_values=True):
        keys = [part for part in re.split(r"[\[\]]+", name) if part != ""]
        if name.endswith("[]"):
            node = out.setdefault(keys[0], {})
            node[str(len(node))] = value
            continue
        node = out
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = value
    return out


def month_later(anchor, months):
    """The anchored day `months` later, or the last of that month; seconds since 1970, UTC."""
    at = datetime.datetime.fromtimestamp(anchor, datetime.timezone.utc)
    index = at.month - 1 + months
    year, month = at.year + index // 12, index % 12 + 1
    day = min(at.day, calendar.monthrange(year, month)[1])
    return int(at.replace(year=year, month=month, day=day).timestamp())


def bool_of(text):
    return str(text).lower() == "true"


class Stripe:
    """The state. Every method is called with the lock held."""

    def __init__(self, key, base):
        self.lock = threading.RLock()
        self.key, self.base = key, base
        self.webhooks, self.after_retries = [], "past_due"
        self.reset()

    def reset(self):
        self.objects, self.events, self.calls, self.deliveries = {}, [], [], []
        self.idempotent, self.faults, self.shift, self.counter = {}, [], 0, 0
        self.cards, self.retry, self.held = {}, {}, []

    def now(self):
        return int(time.time()) + self.shift

    def new_id(self, prefix):
        self.counter += 1
        unique = hashlib.sha256(f"{self.counter}/{time.time_ns()}".encode()).hexdigest()[:16]
        return f"{prefix}_{unique}"

    def add(self, prefix, kind, fields, id_=None):
        id_ = id_ or self.new_id(prefix)
        self.objects[id_] = {"id": id_, "object": kind, "created": self.now(), "livemode": False, **fields}
        return self.objects[id_]

    def get(self, kind, id_):
        found = self.objects.get(id_)
        if found is None or found["object"] != kind:
            raise missing(kind, id_)
        return found

    def all(self, kind):
        return [found for found in self.objects.values() if found["object"] == kind]

    # Events.

    def event(self, kind, of, previous=None):
        data = {"object": json.loads(json.dumps(of))}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.add("evt", "event", {
            "api_version": VERSION, "type": kind, "data": data, "pending_webhooks": len(self.webhooks),
            "request": {"id": None, "idempotency_key": None}})
        self.events.append(event)
        for hook in self.webhooks:
            if hook["mode"] == "immediate":
                threading.Thread(target=self.deliver, args=(hook, event), daemon=True).start()

    def deliver(self, hook, event, attempts=5):
        for attempt in range(attempts):
            status = self.post(hook, event)
            with self.lock:
                self.deliveries.append({"event": event["id"], "type": event["type"], "status": status})
            if 200 <= status < 300:
                return status
            time.sleep(0.2 * 2 ** attempt)
        return status

    @staticmethod
    def post(hook, event):
        body = json.dumps(event, indent=2).encode()
        at = int(time.time())
        secrets = hook["secret"].split(",")
        sign = [hmac.new(s.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest() for s in secrets]
        header = f"t={at}," + ",".join(f"v1={value}" for value in sign) + ",v0=00"
        request = urllib.request.Request(hook["url"], body, {
            "Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    # Customers, products, prices.

    def create_customer(self, form):
        made = self.add("cus", "customer", {
            "email": form.get("email"), "name": form.get("name"), "metadata": form.get("metadata", {}),
            "invoice_settings": {"default_payment_method": None}})
        self.event("customer.created", made)
        return made

    def create_product(self, form):
        if "name" not in form:
            raise invalid("parameter_missing", "Missing required param: name.", "name")
        if form.get("id") in self.objects:
            raise invalid("resource_already_exists", "Product already exists.", "id")
        made = self.add("prod", "product", {
            "name": form["name"], "active": bool_of(form.get("active", "true")), "description": None,
            "metadata": form.get("metadata", {})}, form.get("id"))
        self.event("product.created", made)
        return made

    def update_product(self, id_, form):
        of = self.get("product", id_)
        of.update({key: form[key] for key in ("name", "description") if key in form})
        if "active" in form:
            of["active"] = bool_of(form["active"])
        self.event("product.updated", of, {})
        return of

    def create_price(self, form):
        self.get("product", form.get("product"))
        for name in ("currency", "unit_amount"):
            if name not in form:
                raise invalid("parameter_missing", f"Missing required param: {name}.", name)
        key = form.get("lookup_key")
        if key and any(price["lookup_key"] == key for price in self.all("price")):
            raise invalid("resource_already_exists", "A price with this lookup key exists.", "lookup_key")
        made = self.add("price", "price", {
            "product": form["product"], "currency": form["currency"], "unit_amount": int(form["unit_amount"]),
            "active": True, "lookup_key": key, "metadata": form.get("metadata", {}), "type": "recurring",
            "recurring": {"interval": form["recurring"]["interval"], "interval_count": 1}})
        self.event("price.created", made)
        return made

    def update_price(self, id_, form):
        of = self.get("price", id_)
        if "unit_amount" in form:
            raise invalid("parameter_unknown", "Received unknown parameter: unit_amount", "unit_amount")
        if "active" in form:
            of["active"] = bool_of(form["active"])
        self.event("price.updated", of, {})
        return of

    # Checkout.

    def create_session(self, form):
        known = {"mode", "ui_mode", "success_url", "cancel_url", "customer", "customer_email", "client_reference_id",
                 "line_items", "metadata", "subscription_data", "expires_at", "allow_promotion_codes", "locale"}
        for name in form:
            if name not in known:
                raise invalid("parameter_unknown", f"Received unknown parameter: {name}", name)
        if form.get("mode") != "subscription":
            raise invalid("parameter_invalid", "Only subscriptions are doubled.", "mode")
        if "customer" in form:
            if self.get("customer", form["customer"]).get("deleted"):
                raise missing("customer", form["customer"])
        price = self.get("price", form["line_items"]["0"]["price"])
        if not price["active"]:
            raise invalid("price_inactive", "The price specified is inactive.", "line_items[0][price]")
        expires = int(form.get("expires_at", self.now() + DAY))
        if not 30 * 60 <= expires - self.now() <= DAY:
            raise invalid("parameter_invalid", "expires_at must be 30 minutes to 24 hours from now.", "expires_at")
        id_ = self.new_id("cs_test")
        made = self.add("cs_test", "checkout.session", {
            "mode": "subscription", "status": "open", "payment_status": "unpaid", "url": f"{self.base}/pay/{id_}",
            "client_reference_id": form.get("client_reference_id"), "customer": form.get("customer"),
            "customer_email": form.get("customer_email"), "subscription": None, "metadata": form.get("metadata", {}),
            "success_url": form["success_url"], "cancel_url": form.get("cancel_url"), "expires_at": expires,
            "currency": price["currency"], "amount_total": price["unit_amount"]}, id_)
        made_with = form.get("subscription_data", {})
        self.cards[id_] = {"price": price["id"], "metadata": made_with.get("metadata", {}),
                           "trial": int(made_with.get("trial_period_days", 0))}
        return made

    def expire_session(self, id_):
        of = self.get("checkout.session", id_)
        if of["status"] != "open":
            raise invalid("resource_invalid", "Only open sessions can be expired.")
        of.update(status="expired", url=None)
        self.event("checkout.session.expired", of)
        return of

    def pay(self, id_, card):
        """What the button of the hosted page does; returns where to go."""
        of = self.get("checkout.session", id_)
        if of["status"] != "open" or card == "declined":
            return of
        hidden = self.cards[id_]
        customer = of["customer"]
        if customer is None:
            customer = self.create_customer({"email": of["customer_email"]})["id"]
            of["customer"] = customer
        is_bank = card == "bank"
        self.cards[customer] = not is_bank
        subscription = self.subscribe(customer, hidden, is_bank)
        of.update(status="complete", url=None, subscription=subscription["id"],
                  payment_status="unpaid" if is_bank else "no_payment_required" if hidden["trial"] else "paid")
        self.event("checkout.session.completed", of)
        return of

    def settle(self, id_, works=True):
        """A bank transfer arrives, or doesn't."""
        of = self.get("checkout.session", id_)
        self.cards[of["customer"]] = works
        if works:
            of["payment_status"] = "paid"
            for invoice in self.invoices_of(of["subscription"], "open"):
                self.mark_paid(invoice)
        self.event(f"checkout.session.async_payment_{'succeeded' if works else 'failed'}", of)
        return of

    # Subscriptions.

    def subscribe(self, customer, hidden, is_bank):
        price, start = self.objects[hidden["price"]], self.now()
        trial_end = start + hidden["trial"] * DAY if hidden["trial"] else None
        made = self.add("sub", "subscription", {
            "status": "incomplete", "customer": customer, "metadata": hidden["metadata"],
            "billing_mode": {"type": "flexible"}, "cancel_at_period_end": False, "cancel_at": None, "canceled_at": None,
            "ended_at": None, "trial_end": trial_end, "billing_cycle_anchor": trial_end or start,
            "latest_invoice": None, "collection_method": "charge_automatically", "currency": price["currency"],
            "items": {"object": "list", "has_more": False, "data": [{
                "id": self.new_id("si"), "object": "subscription_item", "price": price, "quantity": 1,
                "current_period_start": start,
                "current_period_end": trial_end or self.period_end(price, start, start)}]}})
        self.event("customer.subscription.created", made)
        invoice = self.invoice(made, "subscription_create", [self.line(made, 0 if trial_end else price["unit_amount"])])
        self.finalize(invoice)
        if not is_bank:
            self.mark_paid(invoice)
        before = made["status"]
        made["status"] = "trialing" if trial_end else "active"
        self.event("customer.subscription.updated", made, {"status": before})
        return made

    @staticmethod
    def period_end(price, anchor, start):
        step = 12 if price["recurring"]["interval"] == "year" else 1
        count = step
        while month_later(anchor, count) <= start:
            count += step
        return month_later(anchor, count)

    def update_subscription(self, id_, form):
        of = self.get("subscription", id_)
        if of["status"] == "canceled":
            raise invalid("resource_missing", "This subscription is canceled.", status=404)
        item = of["items"]["data"][0]
        previous = {}
        if "cancel_at_period_end" in form:
            previous["cancel_at_period_end"] = of["cancel_at_period_end"]
            of["cancel_at_period_end"] = bool_of(form["cancel_at_period_end"])
            of["cancel_at"] = item["current_period_end"] if of["cancel_at_period_end"] else None
        if form.get("cancel_at"):
            of["cancel_at"] = int(form["cancel_at"])
        elif "cancel_at" in form and not of["cancel_at_period_end"]:
            of["cancel_at"] = None
        if "items" in form:
            change = form["items"]["0"]
            if change.get("id") != item["id"]:
                raise missing("subscription_item", change.get("id"))
            self.change_price(of, item, change["price"], form)
        self.event("customer.subscription.updated", of, previous)
        return of

    def proration(self, of, item, price, at):
        """Credit for the rest of the old price and debit for the new one, by seconds."""
        start, end = item["current_period_start"], item["current_period_end"]
        left, whole, old = max(end - at, 0), max(end - start, 1), item["price"]
        if of["status"] == "trialing":
            return []
        if old["recurring"]["interval"] == price["recurring"]["interval"]:
            debit, until = price["unit_amount"] * left // whole, end
        else:
            debit, until = price["unit_amount"], self.period_end(price, at, at)
        credit = -(old["unit_amount"] * left // whole)
        return [self.line(of, credit, "Unused time on the former plan", (at, end), True),
                self.line(of, debit, "Remaining time on the new plan", (at, until), True)]

    def change_price(self, of, item, price_id, form):
        price, at = self.get("price", price_id), int(form.get("proration_date", self.now()))
        lines = self.proration(of, item, price, at)
        pays_now = form.get("proration_behavior") == "always_invoice" and sum(l["amount"] for l in lines) > 0
        if pays_now and not self.cards.get(of["customer"]) and form.get("payment_behavior") == "error_if_incomplete":
            raise Refused(402, "card_error", "card_declined", "Your card was declined.")
        if item["price"]["recurring"]["interval"] != price["recurring"]["interval"]:
            of["billing_cycle_anchor"] = at
            item["current_period_start"], item["current_period_end"] = at, self.period_end(price, at, at)
        item["price"] = price
        if form.get("proration_behavior") == "always_invoice" and lines:
            invoice = self.invoice(of, "subscription_update", lines)
            self.finalize(invoice)
            if invoice["amount_due"] <= 0 or self.cards.get(of["customer"]):
                self.mark_paid(invoice)

    def cancel_subscription(self, id_):
        of = self.get("subscription", id_)
        if of["status"] == "canceled":
            raise missing("subscription", id_)
        of.update(status="canceled", ended_at=self.now(), canceled_at=self.now())
        self.event("customer.subscription.deleted", of)
        return of

    # Invoices.

    def line(self, of, amount, text=None, period=None, is_proration=False):
        item = of["items"]["data"][0]
        start, end = period or (item["current_period_start"], item["current_period_end"])
        return {"id": self.new_id("il"), "object": "line_item", "amount": amount, "currency": of["currency"],
                "description": text or "1 × the plan", "period": {"start": start, "end": end},
                "pricing": {"type": "price_details", "price_details": {"price": item["price"]["id"]}},
                "parent": {"type": "subscription_item_details", "subscription_item_details": {
                    "subscription": of["id"], "subscription_item": item["id"], "proration": is_proration}}}

    def invoice(self, of, reason, lines, is_preview=False):
        total = sum(line["amount"] for line in lines)
        fields = {
            "number": None, "status": "draft", "currency": of["currency"], "total": total, "subtotal": total,
            "amount_due": max(total, 0), "amount_paid": 0, "amount_remaining": max(total, 0), "billing_reason": reason,
            "customer": of["customer"], "hosted_invoice_url": None, "invoice_pdf": None, "due_date": None,
            "period_start": self.now(), "period_end": self.now(), "attempt_count": 0, "next_payment_attempt": None,
            "status_transitions": {"finalized_at": None, "paid_at": None, "voided_at": None},
            "lines": {"object": "list", "has_more": False, "data": lines}, "metadata": {}, "total_taxes": [],
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": of["id"],
                                                                                  "metadata": of["metadata"]}}}
        if is_preview:
            return {"object": "invoice", "created": self.now(), **fields}
        made = self.add("in", "invoice", fields)
        of["latest_invoice"] = made["id"]
        self.event("invoice.created", made)
        return made

    def invoices_of(self, subscription, status=None):
        return [invoice for invoice in self.all("invoice")
                if invoice["parent"]["subscription_details"]["subscription"] == subscription
                and status in (None, invoice["status"])]

    def finalize(self, of):
        number = len([invoice for invoice in self.all("invoice") if invoice["number"]]) + 1
        of.update(status="open", number=f"DOUBLE-{number:04}", hosted_invoice_url=f"{self.base}/invoice/{of['id']}")
        of["status_transitions"]["finalized_at"] = self.now()
        self.event("invoice.finalized", of)

    def mark_paid(self, of):
        of.update(status="paid", amount_paid=of["amount_due"], amount_remaining=0, next_payment_attempt=None)
        of["status_transitions"]["paid_at"] = self.now()
        if of["amount_paid"]:
            intent = self.new_id("pi")
            paid = self.add("inpay", "invoice_payment", {
                "invoice": of["id"], "amount_paid": of["amount_paid"], "status": "paid", "is_default": True,
                "payment": {"type": "payment_intent", "payment_intent": intent}})
            self.event("invoice_payment.paid", paid)
        self.event("invoice.paid", of)
        self.event("invoice.payment_succeeded", of)

    def collect(self, of):
        subscription = self.objects[of["parent"]["subscription_details"]["subscription"]]
        of["attempt_count"] += 1
        if self.cards.get(of["customer"]):
            self.mark_paid(of)
            if subscription["status"] in ("past_due", "unpaid") and not self.invoices_of(subscription["id"], "open"):
                subscription["status"] = "active"
                self.event("customer.subscription.updated", subscription, {"status": "past_due"})
            return
        waits = [3, 5, 7]
        if of["attempt_count"] <= len(waits):
            of["next_payment_attempt"] = self.now() + waits[of["attempt_count"] - 1] * DAY
        else:
            of["next_payment_attempt"] = None
        self.event("invoice.payment_failed", of)
        if subscription["status"] == "active":
            subscription["status"] = "past_due"
            self.event("customer.subscription.updated", subscription, {"status": "active"})
        if of["next_payment_attempt"] is None and self.after_retries != "past_due":
            if self.after_retries == "cancel":
                self.cancel_subscription(subscription["id"])
            else:
                subscription["status"] = "unpaid"
                self.event("customer.subscription.updated", subscription, {"status": "past_due"})

    def good_card(self, customer, good):
        self.cards[customer] = good
        if good:
            for invoice in self.all("invoice"):
                if invoice["customer"] == customer and invoice["status"] == "open":
                    self.collect(invoice)

    def preview(self, form):
        of = self.get("subscription", form.get("subscription"))
        details = form["subscription_details"]
        price = self.get("price", details["items"]["0"]["price"])
        at = int(details.get("proration_date", self.now()))
        return self.invoice(of, "upcoming", self.proration(of, of["items"]["data"][0], price, at), True)

    def refund(self, form):
        paid = [p for p in self.all("invoice_payment") if p["payment"]["payment_intent"] == form.get("payment_intent")]
        if not paid:
            raise missing("payment_intent", form.get("payment_intent"))
        amount = int(form.get("amount", paid[0]["amount_paid"]))
        made = self.add("re", "refund", {
            "amount": amount, "currency": self.objects[paid[0]["invoice"]]["currency"], "status": "succeeded",
            "payment_intent": form["payment_intent"], "charge": None, "metadata": {}})
        self.event("refund.created", made)
        return made

    # The clock.

    def advance(self, to):
        """Lets everything happen that happens until then, in its order."""
        while True:
            due = [step for step in self.steps() if step[0] <= to]
            if not due:
                break
            at, act = min(due, key=lambda step: step[0])
            self.shift = max(self.shift, at - int(time.time()))
            act()
        self.shift = to - int(time.time())

    def steps(self):
        for of in self.all("checkout.session"):
            if of["status"] == "open":
                yield of["expires_at"], lambda of=of: self.expire_session(of["id"])
        for of in self.all("subscription"):
            if of["status"] in ("canceled", "incomplete"):
                continue
            if of["cancel_at"]:
                yield of["cancel_at"], lambda of=of: self.cancel_subscription(of["id"])
            yield of["items"]["data"][0]["current_period_end"], lambda of=of: self.renew(of)
        for of in self.all("invoice"):
            if of["status"] == "draft":
                yield of["created"] + 3600, lambda of=of: (self.finalize(of), self.collect(of))
            elif of["status"] == "open" and of["next_payment_attempt"]:
                yield of["next_payment_attempt"], lambda of=of: self.collect(of)

    def renew(self, of):
        item = of["items"]["data"][0]
        start = item["current_period_end"]
        item["current_period_start"] = start
        item["current_period_end"] = self.period_end(item["price"], of["billing_cycle_anchor"], start)
        if of["status"] == "trialing":
            of["status"] = "active"
        self.event("customer.subscription.updated", of, {"current_period_end": start})
        self.invoice(of, "subscription_cycle", [self.line(of, item["price"]["unit_amount"])])


class Api:
    """Which call does what."""

    def __init__(self, stripe):
        self.stripe = stripe

    def answer(self, method, path, form):
        s = self.stripe
        parts = path.strip("/").split("/")[1:]
        head, rest = parts[0], parts[1:]
        kinds = {"customers": "customer", "products": "product", "prices": "price", "subscriptions": "subscription",
                 "invoices": "invoice", "refunds": "refund", "events": "event", "invoice_payments": "invoice_payment"}
        if head == "checkout":
            if method == "POST" and len(rest) == 1:
                return s.create_session(form)
            if method == "POST" and rest[-1] == "expire":
                return s.expire_session(rest[1])
            return s.get("checkout.session", rest[1])
        if head == "billing_portal":
            customer = s.get("customer", form.get("customer"))
            made = s.add("bps", "billing_portal.session", {"customer": customer["id"], "return_url": form["return_url"]})
            made["url"] = f"{s.base}/portal/{made['id']}"
            return made
        if head == "account":
            return {"id": "acct_double", "object": "account", "livemode": False}
        if head not in kinds:
            raise invalid("url_invalid", f"Unrecognized request URL ({method}: {path}).", status=404)
        kind = kinds[head]
        if method == "GET":
            if not rest:
                return self.list(kind, form)
            found = s.get(kind, rest[0])
            return {"id": found["id"], "object": kind, "deleted": True} if found.get("deleted") else found
        if method == "DELETE":
            if kind == "subscription":
                return s.cancel_subscription(rest[0])
            s.get(kind, rest[0])["deleted"] = True
            return {"id": rest[0], "object": kind, "deleted": True}
        create = {"customer": s.create_customer, "product": s.create_product, "price": s.create_price,
                  "refund": s.refund}
        update = {"product": s.update_product, "price": s.update_price, "subscription": s.update_subscription}
        if kind == "invoice" and rest == ["create_preview"]:
            return s.preview(form)
        if not rest:
            return create[kind](form)
        return update[kind](rest[0], form)

    def list(self, kind, form):
        found = list(reversed(self.stripe.all(kind)))
        for name in ("customer", "product", "status", "invoice", "email"):
            if name in form and not (name == "status" and form[name] == "all"):
                found = [of for of in found if of.get(name) == form[name]]
        if kind == "subscription" and "status" not in form:
            found = [of for of in found if of["status"] != "canceled"]
        if kind == "invoice" and "subscription" in form:
            found = [of for of in found if of["parent"]["subscription_details"]["subscription"] == form["subscription"]]
        if kind == "invoice_payment" and "payment" in form:
            found = [of for of in found if of["payment"]["payment_intent"] == form["payment"]["payment_intent"]]
        if "created" in form:
            found = [of for of in found if of["created"] >= int(form["created"]["gte"])]
        ids = [of["id"] for of in found]
        if form.get("starting_after") in ids:
            found = found[ids.index(form["starting_after"]) + 1:]
        limit = int(form.get("limit", 10))
        return {"object": "list", "url": f"/v1/{kind}s", "has_more": len(found) > limit, "data": found[:limit]}


class Control:
    """`POST /_double/NAME` with a JSON body."""

    def __init__(self, stripe):
        self.stripe = stripe

    def answer(self, name, body):
        s = self.stripe
        match name:
            case "webhooks":
                s.webhooks = [{"url": body["url"], "secret": body["secret"], "mode": body.get("mode", "immediate")}]
            case "mode":
                for hook in s.webhooks:
                    hook["mode"] = body["mode"]
            case "events":
                return [{"id": e["id"], "type": e["type"], "object": e["data"]["object"].get("id")} for e in s.events]
            case "deliver":
                return self.deliver(body)
            case "deliveries":
                return s.deliveries
            case "calls":
                return s.calls
            case "pay":
                return s.pay(body["session"], body.get("card", "good"))
            case "settle":
                return s.settle(body["session"], body.get("works", True))
            case "card":
                s.good_card(body["customer"], body["good"])
            case "advance":
                s.advance(body["to"] if "to" in body else s.now() + body["seconds"])
                return {"now": s.now()}
            case "after-retries":
                s.after_retries = body["then"]
            case "fault":
                s.faults.append({"times": 1, "path": "", "method": "", **body})
            case "set":
                s.objects[body["id"]].update(body["fields"])
            case "emit":
                s.event(body["type"], s.objects[body["id"]])
            case "delete":
                del s.objects[body["id"]]
            case "refund":
                return s.refund(body)
            case "dispute":
                made = s.add("dp", "dispute", {"amount": 1, "currency": "eur", "status": "needs_response"})
                s.event("charge.dispute.created", made)
            case "emit-last":
                s.event(body["type"], s.all(body["object"])[-1])
            case "count":
                return len(s.all(body["object"]))
            case "objects":
                return s.all(body["object"])[body.get("from", 0):]
            case "reset":
                s.reset()
            case _:
                raise invalid("unknown", f"no control {name}", status=404)
        return {}

    def deliver(self, body):
        """Events by id in this order, each as often as named; all of them without a list."""
        s = self.stripe
        hook = s.webhooks[0]
        with s.lock:
            wanted = body.get("events") or [event["id"] for event in s.events]
            events = [s.objects[id_] for id_ in wanted]
        if not body.get("concurrent"):
            return [s.post(hook, event) for event in events]
        answers = [0] * len(events)

        def send(index):
            answers[index] = s.post(hook, events[index])
        threads = [threading.Thread(target=send, args=(index,)) for index in range(len(events))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><body style="font-family:sans-serif;max-width:30rem;margin:3rem auto">
<p><small>Stripe (a double for tests)</small></p><h1>{title}</h1>{body}</body></html>"""


def button(action, text, **fields):
    hidden = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in fields.items())
    return f'<form method="post" action="{action}">{hidden}<p><button>{text}</button></p></form>'


class Pages:
    """The hosted pages. Forms work without JavaScript."""

    def __init__(self, stripe):
        self.stripe = stripe

    def answer(self, method, path, form):
        s = self.stripe
        what, id_ = path.strip("/").split("/")[:2]
        if what == "pay":
            of = s.get("checkout.session", id_)
            note = ""
            if method == "POST":
                card = form.get("card", "good")
                of = s.pay(id_, card)
                note = "<p role='alert'>Your card was declined.</p>" if card == "declined" else ""
            if of["status"] == "complete":
                return 303, of["success_url"].replace("{CHECKOUT_SESSION_ID}", id_)
            if of["status"] == "expired":
                return 200, PAGE.format(title="This page has expired", body="<p>Start again at the shop.</p>")
            amount = f"{of['amount_total'] / 100:.2f} {of['currency'].upper()}"
            body = note + f"<p>Subscribe for {amount}</p>" + button(path, "Pay", card="good") + button(
                path, "Decline the card", card="declined") + button(path, "Pay later by bank", card="bank")
            return 200, PAGE.format(title="Pay", body=body + f'<p><a href="{of["cancel_url"]}">Cancel</a></p>')
        of = s.get("billing_portal.session", id_)
        if method == "POST":
            if "good" in form:
                s.good_card(of["customer"], form["good"] == "yes")
            if "cancel" in form:
                item = s.objects[form["cancel"]]["items"]["data"][0]
                s.update_subscription(form["cancel"], {"cancel_at": str(item["current_period_end"])})
            if "resume" in form:
                s.update_subscription(form["resume"], {"cancel_at": "", "cancel_at_period_end": "false"})
        body = button(path, "Use a good card", good="yes") + button(path, "Use a card that is declined", good="no")
        for sub in s.all("subscription"):
            if sub["customer"] == of["customer"] and sub["status"] != "canceled":
                body += f"<h2>{sub['id']}: {sub['status']}</h2>"
                body += (button(path, "Resume subscription", resume=sub["id"]) if sub["cancel_at"]
                         else button(path, "Cancel subscription", cancel=sub["id"]))
        return 200, PAGE.format(title="Customer portal", body=body + f'<p><a href="{of["return_url"]}">Return</a></p>')


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stripe = None

    def do_GET(self):
        self.handle_any("GET")

    def do_POST(self):
        self.handle_any("POST")

    def do_DELETE(self):
        self.handle_any("DELETE")

    def log_message(self, *args):
        pass

    def handle_any(self, method):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        s = self.stripe
        try:
            if url.path.startswith("/_double/"):
                name, data = url.path.removeprefix("/_double/"), json.loads(body or "{}")
                if name == "deliver":
                    return self.send(200, json.dumps(Control(s).answer(name, data)))
                with s.lock:
                    return self.send(200, json.dumps(Control(s).answer(name, data)))
            if not url.path.startswith("/v1/"):
                with s.lock:
                    status, text = Pages(s).answer(method, url.path, dict(urllib.parse.parse_qsl(body)))
                return self.send(status, text, "text/html; charset=utf-8")
            self.api(method, url, body)
        except Refused as error:
            self.send(error.status, json.dumps(error.body))
        except (KeyError, ValueError, TypeError) as error:
            self.send(400, json.dumps(invalid("parameter_invalid", f"{type(error).__name__}: {error}").body))

    def api(self, method, url, body):
        s = self.stripe
        if self.headers.get("Authorization") != f"Bearer {s.key}":
            raise Refused(401, "invalid_request_error", "api_key_invalid", "Invalid API Key provided.")
        form = parse(body or url.query)
        with s.lock:
            key = self.headers.get("Idempotency-Key")
            s.calls.append({"method": method, "path": url.path, "form": form, "key": key,
                            "version": self.headers.get("Stripe-Version")})
            fault = next((f for f in s.faults if f["times"] > 0 and url.path.startswith(f["path"] or "/")
                          and f["method"] in ("", method)), None)
            if fault:
                fault["times"] -= 1
        kind = fault["kind"] if fault else ""
        if kind == "hang":
            time.sleep(fault.get("seconds", 30))
        if kind == "429":
            return self.send(429, json.dumps(Refused(429, "rate_limit_error", "rate_limit", "Too many requests.").body))
        if kind == "500":
            return self.send(500, json.dumps(Refused(500, "api_error", None, "An error on our side.").body))
        if kind == "html":
            return self.send(502, "<html>Bad gateway</html>", "text/html")
        with s.lock:
            status, text = self.once(method, url.path, form, key)
        if kind == "lost":
            self.close_connection = True
            return self.connection.close()
        self.send(status, text)

    def once(self, method, path, form, key):
        """With an idempotency key, the same call has one effect and one answer."""
        s = self.stripe
        asked = json.dumps([method, path, form], sort_keys=True)
        if key and method != "GET" and key in s.idempotent:
            known, status, text = s.idempotent[key]
            if known != asked:
                raise Refused(400, "idempotency_error", None, "Keys for idempotent requests can only be used with the "
                              "same parameters they were first used with.")
            return status, text
        try:
            status, text = 200, json.dumps(Api(s).answer(method, path, form))
        except Refused as error:
            status, text = error.status, json.dumps(error.body)
        if key and method != "GET":
            s.idempotent[key] = (asked, status, text)
        return status, text

    def send(self, status, text, kind="application/json"):
        body = text.encode()
        self.send_response(status)
        if status == 303:
            self.send_header("Location", text)
            body = b""
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--key", default="sk_test_double")
    options.add_argument("--webhook")
    options.add_argument("--secret", default="whsec_double")
    given = options.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    server.daemon_threads = True
    base = f"http://127.0.0.1:{server.server_port}"
    Handler.stripe = Stripe(given.key, base)
    if given.webhook:
        Handler.stripe.webhooks = [{"url": given.webhook, "secret": given.secret, "mode": "immediate"}]
    print(base, flush=True)
    # Who has started it is gone when its standard input ends.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
