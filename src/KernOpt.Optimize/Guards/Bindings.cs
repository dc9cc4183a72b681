using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Optimize.Facts;
using KernOpt.Target;

namespace KernOpt.Optimize.Guards;

/// <summary>Bindings as facts, and whether they make sense for a function.</summary>
public static class Bindings
{
    /// <summary>
    /// Refuses bindings of registers that the function does not read as arguments, of odd widths, and two for one register. A binding wider than what anything looks
    /// at becomes narrower: the upper half of a 32-bit argument is garbage.
    /// </summary>
    public static Outcome<IReadOnlyList<EntryBinding>> Check(FunctionGraph graph, IReadOnlyList<EntryBinding> bindings)
    {
        if (bindings.Count == 0) return Reasons.NothingToGain.With("no binding");
        var arguments = EntryArguments.Of(graph).Where(a => a.IsUsed).ToDictionary(a => a.Register);
        var accepted = new List<EntryBinding>();
        foreach (var binding in bindings)
        {
            if (binding.Bits is not (32 or 64)) return Reasons.BindingNotAnArgument.With($"{binding}: {binding.Bits} bits");
            if (!arguments.TryGetValue(binding.Argument, out var argument)) return Reasons.BindingNotAnArgument.With($"{binding.Argument} of {graph.Function}");
            if (accepted.Any(b => b.Argument == binding.Argument)) return Reasons.BindingNotAnArgument.With($"{binding.Argument} is bound twice");
            var bits = Math.Min(binding.Bits, argument.Bits);
            accepted.Add(new EntryBinding(binding.Argument, binding.Value & KnownBits.Ones(bits), bits));
        }
        return accepted;
    }

    /// <summary>What is known at the function's own entry.</summary>
    internal static MachineFacts AtEntry(IEnumerable<EntryBinding> bindings)
    {
        var facts = MachineFacts.AtEntry();
        foreach (var binding in bindings) facts.Write(binding.Argument, new KnownBits(KnownBits.Ones(binding.Bits), binding.Value & KnownBits.Ones(binding.Bits)));
        return facts;
    }
}
