using System.Buffers.Binary;
using Iced.Intel;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate.Running;

/// <summary>
/// Lets the sandbox run the original or, with a jump at the site as it will be live, the version. Also counts which instructions were executed: an int3
/// over each that takes itself away when it is first reached, so that coverage costs one stop per instruction over all runs.
/// </summary>
internal sealed class CodeSwitch
{
    private const int JumpLength = 5;
    private readonly ValidationRequest request;
    private readonly CodeFacts facts;
    private readonly SandboxMemory memory;
    private readonly HashSet<ulong> armed = [];
    private readonly byte[] jump;

    public CodeSwitch(ValidationRequest request, CodeFacts facts, SandboxMemory memory)
    {
        this.request = request;
        this.facts = facts;
        this.memory = memory;
        jump = JumpAtSite();
    }

    /// <summary>How many instructions have been reached for the first time so far.</summary>
    public int Reached { get; private set; }

    /// <summary>A stop there during a run of the version stands for the jump to it: the site is too short for a jump, or the version too far.</summary>
    public bool IsTrappedSite(ulong address) => jump.Length == 1 && address == request.Original.Site.Value && !request.Version.IsDirect;

    public void ArmAll()
    {
        foreach (var address in facts.Original.Keys.Concat(facts.Version.Keys))
        {
            memory.PlaceCode(address, PageSource.Breakpoint);
            armed.Add(address);
        }
    }

    /// <summary>Whether the stop was the first execution of this instruction, which can go on now.</summary>
    public bool TryDisarm(ulong address)
    {
        if (!armed.Remove(address)) return false;
        memory.PlaceCode(address, memory.CodeAt(address));
        Reached++;
        return true;
    }

    public void Select(bool isVersion)
    {
        if (request.Version.IsDirect) return;
        var site = request.Original.Site.Value;
        for (var i = 0; i < jump.Length; i++) memory.PlaceCode(site + (ulong)i, isVersion ? jump[i] : memory.CodeAt(site + (ulong)i));
        if (!isVersion && armed.Contains(site)) memory.PlaceCode(site, PageSource.Breakpoint);
    }

    public Coverage Measure()
    {
        var missed = facts.Version.Values.Where(i => armed.Contains(i.IP) && !IsFiller(i)).Select(i => new Target.Address(i.IP)).Order().ToArray();
        var originals = facts.Original.Values.Where(i => !IsFiller(i)).ToArray();
        return new Coverage(originals.Count(i => !armed.Contains(i.IP)), originals.Length,
            facts.Version.Values.Count(i => !IsFiller(i)) - missed.Length, facts.Version.Values.Count(i => !IsFiller(i)), [.. missed]);
    }

    private static bool IsFiller(in Instruction instruction)
        => instruction.Mnemonic is Mnemonic.Nop or Mnemonic.Int3 or Mnemonic.Ud2 or Mnemonic.Fnop or Mnemonic.Endbr64;

    private byte[] JumpAtSite()
    {
        var site = facts.Original[request.Original.Site.Value];
        var distance = request.Version.Entry - new Target.Address(site.IP + JumpLength);
        if (site.Length < JumpLength || distance != (int)distance) return [PageSource.Breakpoint];
        var bytes = new byte[JumpLength];
        bytes[0] = 0xe9;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), (int)distance);
        return bytes;
    }
}
