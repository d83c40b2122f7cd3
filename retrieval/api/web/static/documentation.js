// The page of the API: Swagger UI, which tries operations with a key or with this browser's session.

const session = await fetch("/session", { headers: { Accept: "application/json" } })
  .then((answer) => (answer.ok ? answer.json() : { csrf: "" }))
  .catch(() => ({ csrf: "" }));

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  filter: true,
  tagsSorter: "alpha",
  displayOperationId: true,
  displayRequestDuration: true,
  requestSnippetsEnabled: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (session.csrf && !request.headers.Authorization) {
      request.headers["X-CSRF-Token"] = session.csrf;
    }
    return request;
  },
});
