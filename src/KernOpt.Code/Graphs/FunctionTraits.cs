using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>What a function does that matters to whoever copies, runs or measures it.</summary>
/// <param name="CallsReturnsTwice">It calls setjmp, vfork, getcontext or their kind, which may return more than once into the same frame.</param>
/// <param name="CallsCallerDependent">It calls dlsym, dlopen or their kind, which look at where they return to.</param>
/// <param name="IsJudgedByPlace">The kernel or the C library decides by its instruction pointer: a restartable sequence, a cancellable system call.</param>
/// <param name="ReadsTime">rdtsc, rdtscp or rdpmc.</param>
/// <param name="ReadsProcessor">cpuid, xgetbv or rdpid.</param>
/// <param name="ReadsRandom">rdrand or rdseed.</param>
/// <param name="MakesSystemCall">syscall, sysenter or int.</param>
/// <param name="HasAtomics">A locked instruction or xchg with memory.</param>
public sealed record FunctionTraits(bool CallsReturnsTwice, bool CallsCallerDependent, bool IsJudgedByPlace, bool ReadsTime, bool ReadsProcessor, bool ReadsRandom, bool MakesSystemCall, bool HasAtomics)
{
    /// <summary>Running it twice on the same state need not give the same result.</summary>
    public bool IsNondeterministic => ReadsTime || ReadsProcessor || ReadsRandom || MakesSystemCall;

    public static FunctionTraits Analyze(FunctionGraph graph, ICodeSource source)
    {
        var returnsTwice = new ReturnsTwice(source);
        var calls = graph.Calls.ToDictionary(c => c.At);
        bool twice = false, caller = false, time = false, processor = false, random = false, system = false, atomics = false;
        foreach (var block in graph.Blocks)
        {
            foreach (var instruction in block.Instructions)
            {
                if (calls.TryGetValue(new Address(instruction.IP), out var call))
                {
                    var called = CalledPlace.Of(call, instruction, source);
                    twice |= returnsTwice.Is(called);
                    caller |= CallerDependent.Is(called, source);
                }
                time |= instruction.Mnemonic is Mnemonic.Rdtsc or Mnemonic.Rdtscp or Mnemonic.Rdpmc;
                processor |= instruction.Mnemonic is Mnemonic.Cpuid or Mnemonic.Xgetbv or Mnemonic.Rdpid;
                random |= instruction.Mnemonic is Mnemonic.Rdrand or Mnemonic.Rdseed;
                system |= instruction.Mnemonic is Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Int;
                atomics |= instruction.HasLockPrefix || (instruction.Mnemonic == Mnemonic.Xchg && instruction.Op0Kind == OpKind.Memory);
            }
        }
        return new FunctionTraits(twice, caller, PlaceBound.Is(graph, source), time, processor, random, system, atomics);
    }
}
