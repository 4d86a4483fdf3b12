%% Writes each stanza that this broker routes from one client to another to a file, once, as one
%% line: the time, whether a session was there to take it, and the XML with its stamped from and to.
%% What a client exchanges with the broker itself (SASL, binding, roster, ping) is not recorded.
%% IQs and messages are seen where clients send them, so that the broker's own answers stay out;
%% presence is seen in the router, since the broker sends some of it for its clients.

-module(mod_tenet_tap).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([sent/1, routed/1]).

%% After everything else that hooks in: what others dropped was not routed.
-define(LAST, 1000).

start(Host, Options) ->
    Path = gen_mod:get_opt(tap_file, Options),
    Starter = self(),
    %% The file belongs to a process that lives as long as the broker. Writing waits for it: who
    %% has received a stanza finds its line in the file.
    Owner = spawn(fun() ->
        {ok, File} = file:open(Path, [append]),
        persistent_term:put(?MODULE, File),
        Starter ! {self(), open},
        receive after infinity -> ok end
    end),
    receive {Owner, open} -> ok after 5000 -> error(tap_file) end,
    ejabberd_hooks:add(user_send_packet, Host, ?MODULE, sent, ?LAST),
    ejabberd_hooks:add(filter_packet, ?MODULE, routed, ?LAST),
    ok.

stop(Host) ->
    ejabberd_hooks:delete(user_send_packet, Host, ?MODULE, sent, ?LAST),
    ejabberd_hooks:delete(filter_packet, ?MODULE, routed, ?LAST).

reload(_Host, _New, _Old) -> ok.
depends(_Host, _Options) -> [].
mod_opt_type(tap_file) -> econf:string().
mod_options(_Host) -> [{tap_file, ""}].
mod_doc() -> #{}.

sent({Packet, State}) ->
    is_tuple(Packet) andalso element(1, Packet) /= presence andalso record(Packet),
    {Packet, State}.

routed(Packet) ->
    is_tuple(Packet) andalso element(1, Packet) == presence andalso
        xmpp:get_type(Packet) /= error andalso record(Packet),
    Packet.

record(Packet) ->
    From = xmpp:get_from(Packet),
    To = xmpp:get_to(Packet),
    Own = jid:tolower(jid:remove_resource(From)) == jid:tolower(jid:remove_resource(To)),
    %% Without a node in either it is not between clients; to its own account a client sends what
    %% is for the broker.
    case {jid:tolower(From), jid:tolower(To)} of
        {{<<>>, _, _}, _} -> ok;
        {_, {<<>>, _, _}} -> ok;
        {_, {User, Host, Resource}} when not Own; Resource /= <<>> ->
            write(fate(element(1, Packet), User, Host, Resource), Packet);
        _ -> ok
    end.

%% An IQ to an account, not to one of its sessions, is answered by the broker.
fate(iq, _User, _Host, <<>>) -> <<"bounced">>;
fate(_Kind, User, Host, Resource) ->
    Sessions = ejabberd_sm:get_user_resources(User, Host),
    case Sessions /= [] andalso (Resource == <<>> orelse lists:member(Resource, Sessions)) of
        true -> <<"routed">>;
        false -> <<"bounced">>
    end.

write(Fate, Packet) ->
    {xmlel, Name, Attributes, Children} = xmpp:encode(Packet),
    Named = lists:keystore(<<"xmlns">>, 1, Attributes, {<<"xmlns">>, <<"jabber:client">>}),
    Xml = fxml:element_to_binary({xmlel, Name, Named, Children}),
    Line = lists:foldl(
        fun({Character, Entity}, Text) -> binary:replace(Text, Character, Entity, [global]) end,
        Xml, [{<<"\r">>, <<"&#13;">>}, {<<"\n">>, <<"&#10;">>}]
    ),
    Time = io_lib:format("~.6f", [erlang:system_time(microsecond) / 1000000]),
    ok = file:write(persistent_term:get(?MODULE), [Time, " ", Fate, " ", Line, "\n"]).
