"""Where a request goes, from the connection to the answer; each name is a module of this room or says its own.

connections          how many there are, how long a head and a body may take
  observed           counted, logged, given its id
  base_path          what a proxy has put before the path is taken off
  access_key         addressed to this host, by a page that may ask, with the key
    whole_path       ... and one of these, by its path:

POST /api/{model}/{version}/<posting>    predict             which version: serving.service, canary
                                           bodies_within_limits   the body, if there is room for it
                                           answering              here, or by worker_queue in a worker:
                                             serving.kinds.litserve_api    the three steps of LitServe, which are
                                             serving.kinds.<kind>          the kind's: decode, predict, encode
GET  /api[/{model}/{version}]/<reading>  readings            admission of slow ones; then the kind's own answer
/v2/...                                  inference_routes    the same predictor, asked by the other protocol
GET  /api/models, /docs, /ui, /health/   routes              serving.pages, serving.service

An answer that is read goes back through conditional (its tag) and compressed (by codings); an error, wherever it
was raised, is written by problems.
"""
