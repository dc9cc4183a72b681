using KernOpt.Engine.Sessions;
using KernOpt.Probes;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>What is to be put where, as it is written: see src/docs/probes.md. When is null for always.</summary>
public sealed record ProbeRequest(IReadOnlyList<string> Places, string Action, string? When)
{
    /// <summary>Refused as the texts, the types or the names in them are.</summary>
    internal Outcome<ProbeProgram> Compile(Session session)
    {
        Outcome<AddressRange> Find(string name) => session.Program.Find(name).Then<AddressRange>(f => f.Range);
        if (!ActionParser.Parse(Action, Find).Try(out var action, out var why)) return why;
        if (When is null) return ProbeProgram.Of(null, action);
        return ExpressionParser.Parse(When, Find).Then(when => ProbeProgram.Of(when, action));
    }

    internal Outcome<IReadOnlyList<Place>> ParsePlaces(Session session)
    {
        var places = new List<Place>();
        foreach (var text in Places)
        {
            if (!Place.Parse(text, name => session.Program.Find(name).IsDone).Try(out var place, out var why)) return why;
            places.Add(place);
        }
        return places;
    }
}
