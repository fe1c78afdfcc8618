// Starts GraphiQL on this page: queries go over HTTP, subscriptions over graphql-transport-ws.
"use strict";

(() => {
  const place = document.getElementById("explorer");
  const endpoint = new URL(place.dataset.endpoint, window.location.href);
  const socket = new URL(endpoint);
  socket.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

  // What stands in the Headers editor; a token there opens the socket, too.
  let headers = {};
  const authorization = () => {
    const name = Object.keys(headers).find((key) => key.toLowerCase() === "authorization");
    return name ? { Authorization: headers[name] } : {};
  };

  const csrfToken = () =>
    (document.cookie.split("; ").find((pair) => pair.startsWith("csrftoken=")) || "").slice("csrftoken=".length);

  const fetcher = GraphiQL.createFetcher({
    url: endpoint.href,
    fetch: (url, options) =>
      fetch(url, { ...options, headers: { ...options.headers, "X-CSRFToken": csrfToken() } }),
    wsClient: graphqlWs.createClient({ url: socket.href, connectionParams: authorization }),
  });

  const defaultQuery = `# Ctrl+Enter runs the query at the cursor, Ctrl+Space completes it.
{
  currentUser { username name }
  projects(first: 5) {
    nodes {
      fullPath
      pipelines(first: 3) {
        count
        nodes {
          iid
          status
          ref
          detailedStatus { label }
          stages { nodes { name status } }
        }
      }
    }
  }
}

# To watch a pipeline, put its id in and run:
#
# subscription {
#   ciPipelineStatusUpdated(pipelineId: "gid://gitlab/Ci::Pipeline/1") {
#     status
#     stages { nodes { name status } }
#   }
# }
`;

  ReactDOM.createRoot(place).render(
    React.createElement(GraphiQL, {
      fetcher: (parameters, options) => {
        headers = (options && options.headers) || {};
        return fetcher(parameters, options);
      },
      defaultQuery,
      shouldPersistHeaders: false,
    }),
  );
})();
