using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate.Running;

/// <summary>
/// Makes the inputs of the runs: first the arguments seen live as they are, in up to half of the runs; then arguments at and next to numbers that the code
/// names, in up to a quarter; then, in the rest, changed ones, inputs that reached new instructions, and random ones. Half
/// of these satisfy the version's bindings; of the others many miss by a single bit or by the bits that the binding does not cover.
/// </summary>
internal sealed class InputGenerator(ValidationRequest request, SandboxLayout layout, CodeFacts facts)
{
    private const int CorpusLimit = 256;
    private const int BoundaryLimit = 18 * 32;
    private readonly DeterministicRandom random = new(request.RandomSeed);
    private int[]? boundaries;
    private readonly List<RunInput> corpus = [];
    private int made;

    public RunInput Next()
    {
        var index = made++;
        if (index < SeedRuns) return Finish(request.Seeds[index], [], isChanged: false);
        index -= SeedRuns;
        if (index < BoundaryRuns) return AtBoundary(index);
        var parent = Parent();
        var arguments = parent?.Arguments ?? Fresh();
        if (parent is not null)
        {
            for (var changes = random.Below(4); changes > 0; changes--) arguments = With(arguments, random.Below(6), Value());
        }
        return Finish(arguments, Pokes(parent, arguments), isChanged: true);
    }

    /// <summary>This input reached instructions that none had reached before: others near it may reach more.</summary>
    public void Keep(RunInput input)
    {
        if (corpus.Count < CorpusLimit) corpus.Add(input);
        else corpus[random.Below(CorpusLimit)] = input;
    }

    /// <summary>However many were seen live, half of the runs are left for what has not been seen.</summary>
    private int SeedRuns => Math.Min(request.Seeds.Length, request.Limits.Runs / 2);

    /// <summary>Six arguments, three values each, for every number; where that is too much, as many of them as leave a quarter of the runs to the rest.</summary>
    private int BoundaryRuns => Math.Min(18 * facts.Immediates.Count, Math.Min(BoundaryLimit, request.Limits.Runs / 4));

    private RunInput AtBoundary(int index)
    {
        boundaries ??= Shuffled(18 * facts.Immediates.Count);
        index = boundaries[index];
        var number = facts.Immediates[index / 18];
        var argument = index % 18 / 3;
        return Finish(With(Parent()?.Arguments ?? Fresh(), argument, number + (ulong)(index % 3) - 1), [], isChanged: false);
    }

    /// <summary>So that the few that there is time for are of all numbers and arguments.</summary>
    private int[] Shuffled(int count)
    {
        var all = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var other = random.Below(i + 1);
            (all[i], all[other]) = (all[other], all[i]);
        }
        return all;
    }

    private RunInput? Parent()
    {
        var choice = random.Below(10);
        if (choice < 4 && request.Seeds.Length > 0) return new RunInput(random.Pick(request.Seeds), 0, false, []);
        return choice < 8 && corpus.Count > 0 ? random.Pick(corpus) : null;
    }

    private ArgumentTuple Fresh() => new(Value(), Value(), Value(), Value(), Value(), Value());

    private ulong Value()
    {
        switch (random.Below(16))
        {
            case 0 or 1 or 2: return (ulong)random.Below(17);
            case 3: return unchecked((ulong)-random.Below(17));
            case 4 when facts.Immediates.Count > 0: return random.Pick(facts.Immediates) + (ulong)random.Below(3) - 1;
            case 5 when facts.Immediates.Count > 0: return random.Pick(facts.Immediates);
            case 6: return (1UL << random.Below(64)) - (ulong)random.Below(2);
            case 7: return random.Next() & uint.MaxValue;
            case 8: return random.Next();
            case 9: return (ulong)random.Below(1000);
            case 10 when request.Seeds.Length > 0: return Of(random.Pick(request.Seeds), random.Below(6));
            default: return layout.Scratch + ((ulong)random.Below((int)SandboxLayout.ScratchBytes / 16) * 8) + (random.OneIn(8) ? (ulong)random.Below(8) : 0);
        }
    }

    /// <summary>Changed fields behind the pointers among the arguments, and changed variables.</summary>
    private List<Poke> Pokes(RunInput? parent, ArgumentTuple arguments)
    {
        var pokes = parent is null ? [] : parent.Pokes.Where(_ => !random.OneIn(4)).ToList();
        for (var count = random.Below(4); count > 0 && pokes.Count < 8; count--)
        {
            var isGlobal = facts.Globals.Count > 0 && random.OneIn(3);
            var at = isGlobal ? random.Pick(facts.Globals) : Of(arguments, random.Below(6)) + (ulong)random.Pick(facts.Displacements);
            pokes.Add(new Poke(at, Value(), 1 << random.Below(4)));
        }
        return pokes;
    }

    private RunInput Finish(ArgumentTuple arguments, IReadOnlyList<Poke> pokes, bool isChanged)
    {
        var mustBind = request.Version.IsDirect || (isChanged && request.Bindings.Length > 0 && random.OneIn(2));
        if (mustBind)
        {
            foreach (var binding in request.Bindings) arguments = Bind(arguments, binding);
        }
        else if (isChanged && request.Bindings.Length > 0 && random.OneIn(2)) arguments = Miss(arguments, random.Pick(request.Bindings));
        return new RunInput(arguments, random.Next(), request.Bindings.All(b => IsSatisfied(arguments, b)), pokes);
    }

    private ArgumentTuple Bind(ArgumentTuple arguments, RegisterBinding binding)
    {
        var upper = random.Below(3) switch { 0 => 0UL, 1 => ulong.MaxValue, _ => random.Next() };
        if (IsSatisfied(arguments, binding) && random.OneIn(2)) return arguments;
        return With(arguments, IndexOf(binding), (upper & ~Mask(binding)) | (binding.Value & Mask(binding)));
    }

    private ArgumentTuple Miss(ArgumentTuple arguments, RegisterBinding binding)
    {
        var value = random.Below(4) switch
        {
            0 => binding.Value ^ (1UL << random.Below(binding.Bits)),
            1 => binding.Value + 1,
            2 => binding.Value - 1,
            _ => (binding.Value & 0xff) | (random.Next() & ~0xffUL),
        };
        return With(arguments, IndexOf(binding), value);
    }

    private static bool IsSatisfied(ArgumentTuple arguments, RegisterBinding binding)
        => ((Of(arguments, IndexOf(binding)) ^ binding.Value) & Mask(binding)) == 0;

    private static ulong Mask(RegisterBinding binding) => binding.Bits >= 64 ? ulong.MaxValue : (1UL << binding.Bits) - 1;

    private static int IndexOf(RegisterBinding binding)
    {
        var index = Array.IndexOf(GeneralRegisters.Arguments, binding.Register.GetFullRegister());
        return index >= 0 ? index : throw new ArgumentException($"{binding.Register} is not an argument register");
    }

    private static ulong Of(ArgumentTuple arguments, int index) => new RunInput(arguments, 0, false, []).Argument(index);

    private static ArgumentTuple With(ArgumentTuple arguments, int index, ulong value) => index switch
    {
        0 => arguments with { Rdi = value },
        1 => arguments with { Rsi = value },
        2 => arguments with { Rdx = value },
        3 => arguments with { Rcx = value },
        4 => arguments with { R8 = value },
        _ => arguments with { R9 = value },
    };
}
